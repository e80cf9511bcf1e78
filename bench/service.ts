import { randomBytes } from 'node:crypto';
import { aClient, aProject, aSecret, writeManifests } from '../test/support/manifests.ts';
import { ask } from '../test/support/ask.ts';
import { createTestDatabase } from '../test/support/test-database.ts';
import { until } from '../test/support/until.ts';
import { type Callers, clientOf, projectOf } from './callers.ts';
import { type Filled, fillDatabase, NAMESPACE } from './fill.ts';
import { type BenchProcess, startProcess } from './processes.ts';
import type { Setting } from './settings.ts';
import type { Stage } from './stage.ts';

/** Limits that are applied, counted in the database, and never reached. */
const HUGE = { requests: 1_000_000_000, windowSeconds: 86_400, sessionsPerMonth: 1_000_000_000_000 };
const ADDRESS_LIMIT = '999999999/60';
/** As short as it may be, so that leases lapse and are ended while the bench runs. */
const LEASE_S = 15;
const SECRET_TTL_S = 10;
const MAX_CONCURRENT = 1_000_000;
/** So that a file of manifests is well below the size that the service reads. */
const PROJECTS_A_FILE = 500;
const READY_TIMEOUT_MS = 60_000;

export interface Provider {
  url: string;
  key: string;
}

/** What every setting of the service and of the forwarder shares. */
export interface Scene {
  stage: Stage;
  provider: Provider;
  callers: Callers;
  resources: AsyncDisposableStack;
}

/** As in production, with every control on; all processes on one database. */
export async function startService(
  setting: Setting,
  { stage, provider, callers, resources }: Scene,
): Promise<{ processes: BenchProcess[]; readyMs: number; filled: Filled | undefined }> {
  const database = await createTestDatabase(stage.superuserUrl);
  resources.defer(() => database.drop());
  const { filling, projects } = setting;
  const filled = filling && (await fillDatabase(database, { filling, projects, signal: stage.signal }));
  const vault = `${stage.directory}/${setting.name}`;
  writeProjects(vault, projects, provider);
  const environment = {
    NODE_ENV: 'production',
    PORT: '0',
    OPS_PORT: '0',
    DATABASE_URL: database.servingUrl,
    VESTIBULE_DIR: vault,
    VESTIBULE_NAMESPACE: NAMESPACE,
    VESTIBULE_PROVIDER_URLS: provider.url,
    VESTIBULE_ADMIN_KEY: randomBytes(32).toString('hex'),
    VESTIBULE_JWT_SECRET: callers.jwtSecret,
    VESTIBULE_ADDRESS_LIMIT: ADDRESS_LIMIT,
    LOG_LEVEL: 'info',
    ...setting.environment,
  };
  const begun = performance.now();
  const processes: BenchProcess[] = [];
  for (let index = 1; index <= setting.processes; index += 1) {
    const name = `${setting.name}-${index}`;
    processes.push(await startOne({ ...stage, name, environment }, resources));
  }
  return { processes, readyMs: performance.now() - begun, filled };
}

async function startOne(
  options: Pick<Stage, 'directory' | 'onLost'> & { name: string; environment: Record<string, string> },
  resources: AsyncDisposableStack,
): Promise<BenchProcess> {
  const started = await startProcess({
    ...options,
    command: ['dist/main.js', 'serve'],
    ready: (line) => (line.includes('"msg":"serving"') ? line : undefined),
  });
  resources.defer(() => started.stop());
  const { url, ops } = JSON.parse(started.url) as { url: string; ops: string };
  const isReady = async (): Promise<boolean> => (await ask(`${ops}/readyz`)).status === 200;
  await until(`${options.name} is ready`, isReady, READY_TIMEOUT_MS);
  return { ...started, url };
}

function writeProjects(directory: string, count: number, provider: Provider): void {
  for (let first = 0; first < count; first += PROJECTS_A_FILE) {
    const indexes = Array.from(
      { length: Math.min(PROJECTS_A_FILE, count - first) },
      (_, index) => first + index,
    );
    const manifests = indexes.flatMap((index) => manifestsOf(index, provider));
    writeManifests(directory, `from-${first}.json`, manifests);
  }
}

function manifestsOf(index: number, provider: Provider): Record<string, unknown>[] {
  const project = projectOf(index);
  return [
    aProject(provider.url, project, {
      session: { maxConcurrent: MAX_CONCURRENT, leaseSeconds: LEASE_S, secretTtlSeconds: SECRET_TTL_S },
      limits: HUGE,
    }),
    aSecret(project, provider.key),
    aClient(clientOf(index), project, { maxConcurrent: MAX_CONCURRENT, limits: HUGE }),
  ];
}
