import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { publicJwk, type SigningKey } from './signing-keys.ts';

/** Several issuers on one loopback server: paths are issuers, and what each answers can change. */
export interface IdentityProvider {
  url: string;
  /** What a path answers to a body, now or later; undefined, like no entry, is a failure. */
  answers: Map<string, (body: unknown) => unknown>;
  /** Paths in the order in which they were asked for. */
  asked: string[];
  close(): void;
}

export async function startIdentityProvider(): Promise<IdentityProvider> {
  const answers = new Map<string, (body: unknown) => unknown>();
  const asked: string[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? '';
    asked.push(path);
    const answer = await answers.get(path)?.(request.method === 'POST' ? await json(request) : undefined);
    response.statusCode = answer === undefined ? 500 : 200;
    response.setHeader('content-type', 'application/json');
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer ?? {}));
  };
  const server = createServer((request, response) => {
    void serve(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answers,
    asked,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export function publish(provider: IdentityProvider, path: string, ...published: SigningKey[]): void {
  provider.answers.set(path, () => ({ keys: published.map(publicJwk) }));
}
