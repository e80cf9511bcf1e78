import { aKey } from '../test/support/manifests.ts';
import { ask } from '../test/support/stack.ts';
import { createTestDatabase } from '../test/support/test-database.ts';
import { jsonHeaders, signedCallers } from './callers.ts';
import type { Filled } from './fill.ts';
import type { Options } from './options.ts';
import type { Peer } from './peers.ts';
import { type BenchProcess, startProcess } from './processes.ts';
import { type Provider, type Scene, startService } from './service.ts';
import { type Setting, settingsOf } from './settings.ts';
import type { Stage } from './stage.ts';

const PATH = '/v1/realtime/client_secrets';
const BODY = JSON.stringify({ session: { type: 'realtime' } });

/** What is measured: all get the same body. */
export interface Subject {
  name: string;
  label: string;
  /** Connections are spread over them. */
  urls: string[];
  /** Used in turn, or the first as often as `hotPercent` says. */
  headers: Record<string, string>[];
  hotPercent?: number | undefined;
  body: string;
  /** Of its processes; none for a peer, whose processes are unknown. */
  pids: number[];
  /** Whether what PostgreSQL does meanwhile is its doing. */
  usesDatabase: boolean;
  /** From the start of its first process until its last was ready. */
  readyMs?: number;
  filled?: Filled | undefined;
}

/** Starts (a), (b), (c) and every other setting that was asked for; `resources` gets what has to be stopped. */
export async function startSubjects(
  stage: Stage,
  options: Options,
  resources: AsyncDisposableStack,
): Promise<Subject[]> {
  const settings = settingsOf(options);
  const callers = await signedCallers(Math.max(...settings.map(({ projects }) => projects)));
  const simulator = await startSimulator(stage, options.simulatorPort, resources);
  const provider = { url: simulator.url, key: aKey() };
  const scene = { stage, provider, callers, resources };
  const subjects = [simulatorSubject(simulator, provider)];
  for (const setting of settings) subjects.push(await startSetting(setting, scene));
  subjects.push(...options.peers.map(peerSubject));
  for (const subject of subjects) await expectSession(subject);
  return subjects;
}

/** The service alone, before a simulator. */
export async function startAlone(
  stage: Stage,
  setting: Setting,
  resources: AsyncDisposableStack,
): Promise<{ service: Subject; simulatorUrl: string }> {
  const callers = await signedCallers(setting.projects);
  const simulator = await startSimulator(stage, 0, resources);
  const provider = { url: simulator.url, key: aKey() };
  const service = await startSetting(setting, { stage, provider, callers, resources });
  await expectSession(service);
  return { service, simulatorUrl: simulator.url };
}

/** The time the provider takes from now on. */
export async function setLatency(simulatorUrl: string, ms: number): Promise<void> {
  const faults = new URL('/__simulator/faults', simulatorUrl).href;
  const answers = [await ask(faults, { method: 'DELETE' })];
  if (ms > 0) answers.push(await ask(faults, { body: [{ kind: 'latency', ms }] }));
  if (answers.some(({ status }) => status !== 204)) throw new Error('the simulator refuses a latency');
}

/** Fails unless the subject hands out a credential: a figure of errors is no figure. */
async function expectSession({ name, urls, headers, body }: Subject): Promise<void> {
  for (const url of urls) {
    const answer = await ask(url, { headers: headers[0] ?? {}, body }).catch((error: unknown) => {
      throw new Error(`${name} cannot be reached`, { cause: error });
    });
    const { value } = (answer.json ?? {}) as { value?: unknown };
    if (answer.status !== 200) throw new Error(`${name} answers ${answer.status} instead of a session`);
    if (typeof value !== 'string') throw new Error(`${name} answers 200, but no session: it has no "value"`);
  }
}

async function startSetting(setting: Setting, scene: Scene): Promise<Subject> {
  const { name, label, hotPercent, projects } = setting;
  const { stage, callers } = scene;
  stage.signal.throwIfAborted();
  const { processes, readyMs, filled } =
    setting.of === 'forwarder' ? await startForwarder(setting, scene) : await startService(setting, scene);
  return {
    name,
    label,
    urls: processes.map(({ url }) => `${url}${PATH}`),
    headers: callers.headers.slice(0, projects),
    hotPercent,
    body: BODY,
    pids: processes.map(({ pid }) => pid),
    usesDatabase: true,
    readyMs,
    filled,
  };
}

async function startSimulator(
  stage: Stage,
  port: number,
  resources: AsyncDisposableStack,
): Promise<BenchProcess> {
  const started = await startProcess({
    ...stage,
    name: 'simulator',
    command: ['test/simulator/main.ts'],
    environment: { SIMULATOR_PORT: String(port), SIMULATOR_EXIT_WITH_PARENT: '1' },
    ready: urlLine,
  });
  resources.defer(() => started.stop());
  return started;
}

async function startForwarder(
  setting: Setting,
  { stage, provider, callers, resources }: Scene,
): Promise<{ processes: BenchProcess[]; readyMs: number; filled?: undefined }> {
  const database = await createTestDatabase(stage.superuserUrl);
  resources.defer(() => database.drop());
  const begun = performance.now();
  const processes: BenchProcess[] = [];
  for (let index = 1; index <= setting.processes; index += 1) {
    const started = await startProcess({
      ...stage,
      name: `${setting.name}-${index}`,
      command: ['bench/forwarder.ts'],
      environment: {
        FORWARDER_DATABASE_URL: database.ownerUrl,
        ...setting.environment,
        FORWARDER_JWT_SECRET: callers.jwtSecret,
        FORWARDER_PROVIDER_URL: provider.url,
        FORWARDER_PROVIDER_KEY: provider.key,
      },
      ready: urlLine,
    });
    resources.defer(() => started.stop());
    processes.push(started);
  }
  return { processes, readyMs: performance.now() - begun };
}

function simulatorSubject({ pid }: BenchProcess, provider: Provider): Subject {
  return {
    name: 'simulator',
    label: '(a) simulator',
    urls: [`${provider.url}/realtime/client_secrets`],
    headers: [{ ...jsonHeaders, authorization: `Bearer ${provider.key}` }],
    body: BODY,
    pids: [pid],
    usesDatabase: false,
  };
}

function peerSubject({ name, url, headers }: Peer): Subject {
  return {
    name,
    label: name,
    urls: [url],
    headers: [{ ...jsonHeaders, ...headers }],
    body: BODY,
    pids: [],
    usesDatabase: false,
  };
}

function urlLine(line: string): string | undefined {
  return /^\{"url":"(http:[^"]+)"\}$/.exec(line)?.[1];
}
