import { SystemClock } from '../common/clock.ts';
import { withGeneratedSecrets } from '../config/generated-secrets.ts';
import type { SecretString } from '../common/secret-string.ts';
import { type Environment, loadSettings, SettingsError } from '../config/load-settings.ts';
import { databaseUrls } from '../database/database-urls.ts';
import { type Service, startService } from '../service.ts';
import { createLog, type Log } from '../telemetry/log.ts';

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

/** Serves until SIGINT or SIGTERM. */
export async function serve(options: ServeOptions = {}): Promise<Serving> {
  const { environment = process.env, demoProviderUrl, beforeExit } = options;
  const given = loadSettings(environment, 'serve');
  const settings = { ...(await withGeneratedSecrets(given)), ...(demoProviderUrl && { demoProviderUrl }) };
  const log = createLog(settings.logLevel);
  const urls = await databaseUrls(settings, (message) => {
    log.info({ component: 'postgres' }, message);
  });
  const onRefused = (): void => {
    process.exitCode = SettingsError.EXIT_CODE;
    process.kill(process.pid, 'SIGTERM');
  };
  try {
    const service = await startService({ settings, log, clock: new SystemClock(), databaseUrls: urls, onRefused });
    stopOnSignals(log, async () => {
      await service.stop();
      await beforeExit?.();
      await urls.embedded?.stop();
    });
    log.info({ url: service.url, ops: service.opsUrl }, 'serving');
    return {
      service,
      generatedAdminKey: given.adminKeys === undefined ? settings.adminKeys?.[0] : undefined,
    };
  } catch (error) {
    await urls.embedded?.stop();
    throw error;
  }
}

/** The command: what nobody configured has to be told to somebody. */
export async function serveCommand(): Promise<void> {
  const { service, generatedAdminKey } = await serve();
  if (generatedAdminKey === undefined) return;
  process.stdout.write(`serving ${service.url}, admin key ${generatedAdminKey.reveal()}\n`);
}

function stopOnSignals(log: Log, stop: () => Promise<void>): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => {
      log.error('the stop took too long');
      process.exit(1);
    }, STOP_TIMEOUT_MS).unref();
    stop().then(
      () => {
        log.info('stopped');
        process.exit();
      },
      (error: unknown) => {
        log.error({ err: error }, 'the stop failed');
        process.exit(1);
      },
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
}
