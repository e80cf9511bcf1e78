// Runs in a pod: one request to the ingress, over TLS, as its host's callers send them. Prints the answer as JSON.
import { once } from 'node:events';
import { request } from 'node:https';

const { method = 'GET', path, headers = {}, body } = JSON.parse(process.argv.at(-1));
const { INGRESS_ADDRESS, INGRESS_HOST, INGRESS_CA } = process.env;
const sent = request({
  host: INGRESS_ADDRESS,
  servername: INGRESS_HOST,
  ca: INGRESS_CA,
  method,
  path,
  headers: { host: INGRESS_HOST, 'content-type': 'application/json', ...headers },
  timeout: 15_000,
});
sent.on('timeout', () => sent.destroy(new Error('no answer')));
sent.end(body === undefined ? undefined : JSON.stringify(body));
const [response] = await once(sent, 'response');
const text = (await response.toArray()).join('');
process.stdout.write(`${JSON.stringify({ status: response.statusCode, headers: response.headers, text })}\n`);
