import { randomBytes } from 'node:crypto';
import { aClient, aKey, aProject, aSecret, writeManifests } from '../test/support/manifests.ts';
import { ask, signToken } from '../test/support/stack.ts';
import { createTestDatabase } from '../test/support/test-database.ts';
import { until } from '../test/support/until.ts';
import type { Options, Peer } from './options.ts';
import { type BenchProcess, startProcess } from './processes.ts';

/** Limits that are applied, counted in the database, and never reached. */
const HUGE = { requests: 1_000_000_000, windowSeconds: 86_400, sessionsPerMonth: 1_000_000_000_000 };
const ADDRESS_LIMIT = '999999999/60';
/** As short as it may be, so that leases lapse and are ended while the bench runs. */
const LEASE_S = 15;
const SECRET_TTL_S = 10;
const MAX_CONCURRENT = 1_000_000;
const TOKEN_TTL_S = 86_400;
const PATH = '/v1/realtime/client_secrets';
const BODY = JSON.stringify({ session: { type: 'realtime' } });

/** What is measured: all get the same body. */
export interface Subject {
  name: string;
  url: string;
  headers: Record<string, string>[];
  body: string;
  /** Of its process; undefined for a peer, whose process is unknown. */
  pid: number | undefined;
  /** Whether what PostgreSQL does meanwhile is its doing. */
  usesDatabase: boolean;
}

export interface Setting {
  options: Options;
  /** For logs and manifests; removed by the caller. */
  directory: string;
  superuserUrl: string;
  signal: AbortSignal;
  onLost: (error: Error) => void;
}

interface Provider {
  url: string;
  key: string;
}

/** Starts (a), (b) and (c), each its own process; `resources` gets what has to be stopped. */
export async function startSubjects(setting: Setting, resources: AsyncDisposableStack): Promise<Subject[]> {
  const { signal } = setting;
  const jwtSecret = randomBytes(32).toString('hex');
  const clients = Array.from({ length: setting.options.projects }, (_, index) => `client-${index + 1}`);
  const callers = await Promise.all(clients.map((client) => callerHeaders(client, jwtSecret)));
  const simulator = await startSimulator(setting, resources);
  const provider = { url: simulator.url, key: aKey() };
  signal.throwIfAborted();
  const forwarder = await startForwarder(setting, { provider, jwtSecret }, resources);
  signal.throwIfAborted();
  const service = await startService(setting, { provider, jwtSecret, clients }, resources);
  return [
    {
      name: 'simulator',
      url: `${provider.url}/realtime/client_secrets`,
      headers: [{ ...jsonHeaders, authorization: `Bearer ${provider.key}` }],
      body: BODY,
      pid: simulator.pid,
      usesDatabase: false,
    },
    {
      name: 'forwarder',
      url: `${forwarder.url}${PATH}`,
      headers: callers,
      body: BODY,
      pid: forwarder.pid,
      usesDatabase: true,
    },
    {
      name: 'service',
      url: `${service.url}${PATH}`,
      headers: callers,
      body: BODY,
      pid: service.pid,
      usesDatabase: true,
    },
    ...setting.options.peers.map(peerSubject),
  ];
}

/** The time the provider takes from now on. */
export async function setLatency(simulatorUrl: string, ms: number): Promise<void> {
  const faults = new URL('/__simulator/faults', simulatorUrl).href;
  const answers = [await ask(faults, { method: 'DELETE' })];
  if (ms > 0) answers.push(await ask(faults, { body: [{ kind: 'latency', ms }] }));
  if (answers.some(({ status }) => status !== 204)) throw new Error('the simulator refuses a latency');
}

/** Fails unless the subject hands out a credential: a figure of errors is no figure. */
export async function expectSession({ name, url, headers, body }: Subject): Promise<void> {
  const answer = await ask(url, { headers: headers[0] ?? {}, body }).catch((error: unknown) => {
    throw new Error(`${name} cannot be reached`, { cause: error });
  });
  const { value } = (answer.json ?? {}) as { value?: unknown };
  if (answer.status !== 200) throw new Error(`${name} answers ${answer.status} instead of a session`);
  if (typeof value !== 'string') throw new Error(`${name} answers 200, but no session: it has no "value"`);
}

const jsonHeaders = { 'content-type': 'application/json' };

async function callerHeaders(client: string, jwtSecret: string): Promise<Record<string, string>> {
  const exp = Math.floor(Date.now() / 1000) + TOKEN_TTL_S;
  return { ...jsonHeaders, authorization: `Bearer ${await signToken(jwtSecret, { sub: client, exp })}` };
}

async function startSimulator(setting: Setting, resources: AsyncDisposableStack): Promise<BenchProcess> {
  const started = await startProcess({
    ...setting,
    name: 'simulator',
    command: ['test/simulator/main.ts'],
    environment: { SIMULATOR_PORT: String(setting.options.simulatorPort), SIMULATOR_EXIT_WITH_PARENT: '1' },
    ready: urlLine,
  });
  resources.defer(() => started.stop());
  return started;
}

async function startForwarder(
  setting: Setting,
  { provider, jwtSecret }: { provider: Provider; jwtSecret: string },
  resources: AsyncDisposableStack,
): Promise<BenchProcess> {
  const database = await createTestDatabase(setting.superuserUrl);
  resources.defer(() => database.drop());
  const started = await startProcess({
    ...setting,
    name: 'forwarder',
    command: ['bench/forwarder.ts'],
    environment: {
      FORWARDER_DATABASE_URL: database.ownerUrl,
      FORWARDER_JWT_SECRET: jwtSecret,
      FORWARDER_PROVIDER_URL: provider.url,
      FORWARDER_PROVIDER_KEY: provider.key,
    },
    ready: urlLine,
  });
  resources.defer(() => started.stop());
  return started;
}

/** As in production, with every control on. */
async function startService(
  setting: Setting,
  { provider, jwtSecret, clients }: { provider: Provider; jwtSecret: string; clients: string[] },
  resources: AsyncDisposableStack,
): Promise<BenchProcess> {
  const { directory, superuserUrl } = setting;
  const database = await createTestDatabase(superuserUrl);
  resources.defer(() => database.drop());
  writeManifests(`${directory}/vault`, 'bench.json', manifestsOf(clients, provider));
  const started = await startProcess({
    ...setting,
    name: 'service',
    command: ['dist/main.js', 'serve'],
    environment: {
      NODE_ENV: 'production',
      PORT: '0',
      OPS_PORT: '0',
      DATABASE_URL: database.servingUrl,
      VESTIBULE_DIR: `${directory}/vault`,
      VESTIBULE_PROVIDER_URLS: provider.url,
      VESTIBULE_ADMIN_KEY: randomBytes(32).toString('hex'),
      VESTIBULE_JWT_SECRET: jwtSecret,
      VESTIBULE_ADDRESS_LIMIT: ADDRESS_LIMIT,
      LOG_LEVEL: 'info',
    },
    ready: (line) => (line.includes('"msg":"serving"') ? line : undefined),
  });
  resources.defer(() => started.stop());
  const { url, ops } = JSON.parse(started.url) as { url: string; ops: string };
  await until('the service is ready', async () => (await ask(`${ops}/readyz`)).status === 200);
  return { ...started, url };
}

function manifestsOf(clients: string[], provider: Provider): Record<string, unknown>[] {
  return clients.flatMap((client) => {
    const project = `project-of-${client}`;
    return [
      aProject(provider.url, project, {
        session: { maxConcurrent: MAX_CONCURRENT, leaseSeconds: LEASE_S, secretTtlSeconds: SECRET_TTL_S },
        limits: HUGE,
      }),
      aSecret(project, provider.key),
      aClient(client, project, { maxConcurrent: MAX_CONCURRENT, limits: HUGE }),
    ];
  });
}

function peerSubject({ name, url, headers }: Peer): Subject {
  return {
    name,
    url,
    headers: [{ ...jsonHeaders, ...headers }],
    body: BODY,
    pid: undefined,
    usesDatabase: false,
  };
}

function urlLine(line: string): string | undefined {
  return /^\{"url":"(http:[^"]+)"\}$/.exec(line)?.[1];
}
