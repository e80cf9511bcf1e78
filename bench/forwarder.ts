/**
 * The bare forwarder: the least that a broker of sessions could do. Plain `node:http`; HS256 by `node:crypto`; one
 * committed INSERT by `pg`, or two; undici to the provider. No limits, no slots, no audit, no log: what those cost is measured
 * against this. Its pool and its connections to the provider are as large as the service's.
 */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { Agent } from 'undici';

const DATABASE_CONNECTIONS = 10;
const PROVIDER_CONNECTIONS = 256;
const PROVIDER_TIMEOUT_MS = 10_000;
const MAX_BODY_BYTES = 65_536;
/** Longer than the load generator ever pauses. */
const KEEP_ALIVE_MS = 120_000;

class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The second is of what the provider answered. */
const commitsTwice = process.env['FORWARDER_COMMITS'] === '2';
const secret = setting('FORWARDER_JWT_SECRET');
const authorization = `Bearer ${setting('FORWARDER_PROVIDER_KEY')}`;
const provider = new URL(`${setting('FORWARDER_PROVIDER_URL')}/realtime/client_secrets`);
const pool = new pg.Pool({ connectionString: setting('FORWARDER_DATABASE_URL'), max: DATABASE_CONNECTIONS });
pool.on('error', () => undefined);
const agent = new Agent({
  connections: PROVIDER_CONNECTIONS,
  headersTimeout: PROVIDER_TIMEOUT_MS,
  bodyTimeout: PROVIDER_TIMEOUT_MS,
});

await pool.query(
  `CREATE TABLE IF NOT EXISTS forwarded (
    id uuid PRIMARY KEY, client text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())`,
);
const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
  forward(request).then(
    ({ status, text }) => {
      answer(response, status, text);
    },
    (error: unknown) => {
      const status = error instanceof Refused ? error.status : 500;
      answer(
        response,
        status,
        JSON.stringify({ error: error instanceof Refused ? error.message : 'failed' }),
      );
    },
  );
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
// A parent killed with SIGKILL cannot tell us; the system closes its end of our stdin.
process.stdin.once('close', stop).resume();
process.once('SIGTERM', stop);
process.stdout.write(`{"url":"http://127.0.0.1:${(server.address() as AddressInfo).port}"}\n`);

async function forward(request: IncomingMessage): Promise<{ status: number; text: string }> {
  const client = verified(request.headers.authorization);
  const body = await jsonObject(request);
  await record(client);
  const { statusCode, body: received } = await agent.request({
    origin: provider.origin,
    path: provider.pathname,
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const text = await received.text();
  if (commitsTwice) await record(client);
  return { status: statusCode, text };
}

async function record(client: string): Promise<void> {
  await pool.query({
    name: 'record',
    text: 'INSERT INTO forwarded (id, client) VALUES ($1, $2)',
    values: [randomUUID(), client],
  });
}

/** The subject of a token that is signed with our secret and has not expired. */
function verified(header = ''): string {
  const parts = /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(header);
  if (parts === null) throw unauthorized();
  const [, head = '', claims = '', signature = ''] = parts;
  if (!isSigned(`${head}.${claims}`, signature) || decoded(head)['alg'] !== 'HS256') throw unauthorized();
  const { sub, exp } = decoded(claims);
  if (typeof sub !== 'string' || !inFuture(exp)) throw unauthorized();
  return sub;
}

function inFuture(exp: unknown): boolean {
  return typeof exp === 'number' && exp * 1000 > Date.now();
}

function isSigned(text: string, signature: string): boolean {
  const expected = createHmac('sha256', secret).update(text).digest();
  const given = Buffer.from(signature, 'base64url');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

function unauthorized(): Refused {
  return new Refused(401, 'unauthorized');
}

function decoded(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>;
}

async function jsonObject(request: IncomingMessage): Promise<object> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Refused(413, 'payload_too_large');
    chunks.push(chunk);
  }
  try {
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  } catch {
    // not JSON: refused as what is JSON but no object
  }
  throw new Refused(400, 'invalid_request');
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

function stop(): void {
  process.exit(0);
}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set`);
  return value;
}
