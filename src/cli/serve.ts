import { SystemClock } from '../common/clock.ts';
import { withGeneratedSecrets } from '../config/generated-secrets.ts';
import type { SecretString } from '../common/secret-string.ts';
import { type Environment, loadSettings, SettingsError } from '../config/load-settings.ts';
import { databaseUrls } from '../database/database-urls.ts';
import type { Service } from '../service.ts';
import { createLog } from '../telemetry/log.ts';
import { startTracing } from '../telemetry/start-tracing.ts';
import { endAtOnce } from './end-at-once.ts';
import { onEndSignal } from './end-signals.ts';

/** After this, a stop that hangs is cut short, so that nobody has to send SIGKILL. */
const STOP_TIMEOUT_MS = 30_000;

export interface ServeOptions {
  environment?: Environment;
  /** See Settings. */
  demoProviderUrl?: string;
  /** Stops what the caller started beside the service; called between the service's end and the database's. */
  beforeExit?: () => Promise<void>;
}

export interface Serving {
  service: Service;
  /** Only when the settings gave none, and never in production. */
  generatedAdminKey: SecretString | undefined;
}

/** What was opened, in order; closed in reverse. */
type Closers = (() => Promise<void>)[];

/** Serves until SIGINT or SIGTERM, also one that comes while it is still starting. */
export async function serve(options: ServeOptions = {}): Promise<Serving> {
  const closers: Closers = [];
  const starting = start(options, closers);
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= closeAll(closers));
  closeOnSignals(starting, close);
  try {
    return await starting;
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(options: ServeOptions, closers: Closers): Promise<Serving> {
  const { environment = process.env, demoProviderUrl, beforeExit } = options;
  const given = loadSettings(environment, 'serve');
  const settings = { ...(await withGeneratedSecrets(given)), ...(demoProviderUrl && { demoProviderUrl }) };
  const log = createLog(settings.logLevel);
  const tracing = await startTracing(environment);
  closers.push(async () => tracing?.stop());
  // Only now, so that the SDK is there before anything that it could watch is loaded.
  const { startService } = await import('../service.ts');
  const urls = await databaseUrls(settings, (message) => {
    log.info({ component: 'postgres' }, message);
  });
  closers.push(async () => urls.embedded?.stop());
  if (beforeExit !== undefined) closers.push(beforeExit);
  const service = await startService({
    settings,
    log,
    clock: new SystemClock(),
    databaseUrls: urls,
    onRefused: () => {
      process.exitCode = SettingsError.EXIT_CODE;
      process.kill(process.pid, 'SIGTERM');
    },
  });
  closers.push(async () => {
    log.info('stopping');
    await service.stop();
    log.info('stopped');
  });
  log.info({ url: service.url, ops: service.opsUrl }, 'serving');
  return { service, generatedAdminKey: given.adminKeys === undefined ? settings.adminKeys?.[0] : undefined };
}

/** The command: what nobody configured has to be told to somebody. */
export async function serveCommand(): Promise<void> {
  const { service, generatedAdminKey } = await serve();
  if (generatedAdminKey === undefined) return;
  process.stdout.write(`serving ${service.url}, admin key ${generatedAdminKey.reveal()}\n`);
}

function closeOnSignals(starting: Promise<Serving>, close: () => Promise<void>): void {
  let stopping = false;
  let service: Service | undefined;
  const end = (code?: number): void => {
    // An exit waits for the threads that read and write files.
    if (service?.hangs() === true) endAtOnce(Number(code ?? process.exitCode ?? 0));
    process.exit(code);
  };
  onEndSignal(() => {
    if (stopping) return;
    stopping = true;
    const endAtLast = (): NodeJS.Timeout => setTimeout(end, STOP_TIMEOUT_MS, 1).unref();
    const deadline = endAtLast();
    starting
      .then(async (serving) => {
        service = serving.service;
        clearTimeout(deadline);
        await service.drain();
        endAtLast();
      })
      .catch(() => undefined)
      .then(close)
      .then(
        () => {
          end();
        },
        () => {
          end(1);
        },
      );
  });
}

async function closeAll(closers: Closers): Promise<void> {
  for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close();
}
