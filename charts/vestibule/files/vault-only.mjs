// Run by `helm test`, in the service's own image: does a service that is installed take no key from a client?
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import process from 'node:process';
import { URL } from 'node:url';

const { BASE_URL: base = '', HOST_NAME: host } = process.env;
const TIMEOUT_MS = 10_000;
// Random, and in the form of no provider's key: what is refused must not depend on how it looks.
const nonsense = `not-a-credential-${randomBytes(12).toString('hex')}`;

/** Not fetch, which sets Host by itself. */
function ask(method, path, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, base), {
      method,
      timeout: TIMEOUT_MS,
      headers: { ...(host && { host }), ...headers },
    });
    sent.on('response', async (response) => {
      let text = '';
      for await (const chunk of response) text += chunk;
      resolve({ status: response.statusCode, text });
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', reject);
    sent.end(method === 'POST' ? '{}' : undefined);
  });
}

const json = { 'content-type': 'application/json' };
const refused = ({ status, text }) =>
  status === 401 && text.toLowerCase().includes('vault-only') && !text.includes(nonsense);
const checks = [
  ['it answers', 'GET', '/health', {}, ({ status }) => status === 200],
  [
    'a key in X-OpenAI-API-Key is refused',
    'POST',
    '/session',
    { ...json, 'x-openai-api-key': nonsense },
    refused,
  ],
  [
    'a Bearer that is no JWT is refused',
    'POST',
    '/session',
    { ...json, authorization: `Bearer ${nonsense}` },
    refused,
  ],
  ['a request without credentials is refused', 'POST', '/session', json, refused],
];

for (const [name, method, path, headers, holds] of checks) {
  const answer = await ask(method, path, headers).catch(({ message }) => ({ status: message, text: '' }));
  const ok = holds(answer);
  process.stdout.write(`${ok ? 'ok   ' : 'FAIL '} ${name}: ${answer.status}\n`);
  if (!ok) process.exitCode = 1;
}
