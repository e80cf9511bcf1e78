import { execFile } from 'node:child_process';
import { createServer, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type Manifest, changed, only, render, valuesOf } from './support/helm.ts';
import { startStack, type Stack } from '../support/stack.ts';

const base = valuesOf('default');

/** The test's own command, as the pod runs it. */
async function runTest(url: string, hosts: string[] = []): Promise<{ code: number; lines: string[] }> {
  const pod: Manifest = only(await render(changed(base, { hosts })), 'Pod');
  const { command, env } = pod.spec.containers[0] as {
    command: string[];
    env: { name: string; value: string }[];
  };
  expect(command[0]).toBe('node');
  const environment = Object.fromEntries(env.map(({ name, value }) => [name, value]));
  expect(environment['BASE_URL']).toBe('http://vestibule.voice:80');
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      command.slice(1),
      { env: { ...environment, BASE_URL: url }, timeout: 20_000 },
      (error, stdout) => {
        resolve({ code: error === null ? 0 : (child.exitCode ?? -1), lines: stdout.trim().split('\n') });
      },
    );
  });
}

describe('helm test', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ environment: { VESTIBULE_HOSTS: 'voice.example.com,127.0.0.1' } });
  });
  afterAll(async () => {
    await stack.stop();
  });

  it('is green on the real service, by any name that it answers to', async () => {
    for (const hosts of [[], ['voice.example.com', 'other.example.com']]) {
      expect(await runTest(stack.url, hosts)).toEqual({
        code: 0,
        lines: [
          'ok    it answers: 200',
          'ok    a key in X-OpenAI-API-Key is refused: 401',
          'ok    a Bearer that is no JWT is refused: 401',
          'ok    a request without credentials is refused: 401',
        ],
      });
    }
  });

  it('is red for a name that is not served, and where nobody answers', async () => {
    expect(await runTest(stack.url, ['elsewhere.example.com'])).toMatchObject({ code: 1 });
    const { code, lines } = await runTest('http://127.0.0.1:1');
    expect([code, lines.map((line) => line.slice(0, 4))]).toEqual([1, Array<string>(4).fill('FAIL')]);
  });

  it.each<[string, (request: IncomingMessage) => { status: number; text: string }, RegExp]>([
    [
      'takes a key',
      ({ headers }) => (headers['x-openai-api-key'] ? opened : refused),
      /^FAIL.*X-OpenAI-API-Key/,
    ],
    ['takes any Bearer', ({ headers }) => (headers.authorization ? opened : refused), /^FAIL.*Bearer/],
    [
      'repeats what was sent',
      ({ headers }) => ({ ...refused, text: `vault-only ${headers.authorization ?? ''}` }),
      /^FAIL.*Bearer/,
    ],
    [
      'refuses for another reason',
      () => ({ status: 401, text: 'who are you?' }),
      /^FAIL.*without credentials/,
    ],
  ])('is red for a service that %s', async (_what, answer, line) => {
    const server = createServer((request, response) => {
      const { status, text } = request.url === '/health' ? opened : answer(request);
      response.writeHead(status).end(text);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const { code, lines } = await runTest(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      expect([code, lines]).toEqual([1, expect.arrayContaining([expect.stringMatching(line)])]);
      expect(lines[0]).toMatch(/^ok /);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

const opened = { status: 200, text: '{}' };
const refused = { status: 401, text: 'vault-only' };
