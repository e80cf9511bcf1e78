// Runs in a pod: what asks the ingress, over TLS, as its host's callers do.
import { once } from 'node:events';
import { request } from 'node:https';

const { INGRESS_ADDRESS, INGRESS_HOST, INGRESS_CA } = process.env;

/**
 * Resolves to the whole answer; rejects when there is none.
 * @param options `timeout` in milliseconds; `body` is sent as JSON.
 */
export async function askIngress({ method, path, headers, body, timeout, agent }) {
  const sent = request({
    host: INGRESS_ADDRESS,
    servername: INGRESS_HOST,
    ca: INGRESS_CA,
    agent,
    method,
    path,
    headers: { host: INGRESS_HOST, 'content-type': 'application/json', ...headers },
    timeout,
  });
  sent.on('timeout', () => sent.destroy(new Error('no answer')));
  // What fails after the answer began is told by its body.
  sent.on('error', () => undefined);
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = await once(sent, 'response');
  const text = (await response.toArray()).join('');
  return { status: response.statusCode, headers: response.headers, text };
}
