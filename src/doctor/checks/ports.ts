import { once } from 'node:events';
import { createServer } from 'node:net';
import { isRecord } from '../../common/json.ts';
import type { Settings } from '../../config/load-settings.ts';
import { codeOf } from '../describe.ts';
import { type Found, failure, ok, warning } from '../finding.ts';
import { ask, type HttpAnswer } from '../reach.ts';

type Needs = Pick<Settings, 'host' | 'port' | 'opsPort' | 'hosts'>;

/** Whether the ports are free, or held by a running vestibule; and whether that one is ready. */
export async function checkPorts(settings: Needs): Promise<Found[]> {
  const { host, port, opsPort } = settings;
  // One after the other: they may be the same, and each is held for a moment.
  return [
    await checkPort('PORT', port, host, async () => tellPublic(port, await get(settings, port, '/health'))),
    await checkPort('OPS_PORT', opsPort, host, async () =>
      tellOps(opsPort, await get(settings, opsPort, '/readyz')),
    ),
  ];
}

async function checkPort(
  name: string,
  port: number,
  host: string,
  tellHeld: () => Promise<Found | undefined>,
): Promise<Found> {
  if (port === 0) return ok(`${name} is 0: a free one is picked`);
  const problem = await bindProblem(port, host);
  if (problem === undefined) return ok(`${name} ${port} is free: no vestibule runs here`);
  if (problem === 'EACCES') {
    return failure(`${name} ${port} may not be opened by this user`, 'use a port above 1023');
  }
  if (problem !== 'EADDRINUSE') {
    return failure(
      `HOST ${host} cannot be listened on: ${problem}`,
      'set HOST to an address of this machine',
    );
  }
  return (
    (await tellHeld().catch(() => undefined)) ??
    failure(`${name} ${port} is held by another program`, `end it, or set ${name} to another port`)
  );
}

/** Held for a moment only, and never connected to. */
async function bindProblem(port: number, host: string): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
    return undefined;
  } catch (error) {
    return codeOf(error) ?? 'unknown';
  } finally {
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
    });
  }
}

function tellPublic(port: number, { status, text }: HttpAnswer): Found | undefined {
  const answer = parse(text);
  if (status === 200 && answer['status'] === 'ok' && typeof answer['version'] === 'string') {
    return ok(`vestibule ${answer['version']} answers on PORT ${port}`);
  }
  if (typeof answer['error'] !== 'string' || typeof answer['request_id'] !== 'string') return undefined;
  return warning(
    `a vestibule on PORT ${port} answered ${status}`,
    status === 421 ? 'it runs with other VESTIBULE_HOSTS: run doctor with its environment' : 'see its log',
  );
}

function tellOps(port: number, { status, text }: HttpAnswer): Found | undefined {
  const word = text.trim();
  if (status === 200 && word === 'ok') return ok(`the running service is ready, by OPS_PORT ${port}`);
  if (status !== 503 || !/^[a-z ]{1,40}$/.test(word)) return undefined;
  return warning(
    `the running service is not ready: ${word}`,
    word === 'draining'
      ? 'it is stopping: wait, or start it again'
      : 'see its log: most often it waits for the database',
  );
}

function get({ host, hosts }: Needs, port: number, path: string): Promise<HttpAnswer> {
  const name = hosts?.[0];
  return ask(`http://${reachable(host)}:${port}${path}`, name === undefined ? {} : { host: name });
}

/** What listens everywhere is asked on loopback. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function parse(text: string): Record<string, unknown> {
  try {
    const answer: unknown = JSON.parse(text);
    return isRecord(answer) ? answer : {};
  } catch {
    return {};
  }
}
