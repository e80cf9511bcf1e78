import type { Clock } from '../common/clock.ts';
import type { Environment, Settings } from '../config/load-settings.ts';
import { checkAudit, VERIFY_MS } from './checks/audit.ts';
import { checkClock } from './checks/clock.ts';
import { checkDatabase } from './checks/database.ts';
import { checkEnvironment } from './checks/environment.ts';
import { checkFiles } from './checks/files.ts';
import { checkIssuers } from './checks/issuers.ts';
import { checkMachine } from './checks/machine.ts';
import { judgeManifests } from './checks/manifests.ts';
import { checkMigrationRole } from './checks/migration-role.ts';
import { checkPorts } from './checks/ports.ts';
import { checkProviders } from './checks/providers.ts';
import { checkServingRole } from './checks/roles.ts';
import { checkSchema } from './checks/schema.ts';
import { readSettings } from './checks/settings.ts';
import { adviseOnSettings } from './checks/settings-advice.ts';
import { type Configuration, readConfiguration } from './configuration.ts';
import { Connection } from './connection.ts';
import { type Found, Skipped } from './finding.ts';
import { type Report, reportOf } from './report.ts';
import { type Check, runChecks } from './run-checks.ts';

/** `audit` also reads heads before it verifies. */
const AUDIT_TIMEOUT_MS = VERIFY_MS + 15_000;

/** What the checks look at; there is none without valid settings. */
interface Scene {
  settings: Settings;
  connection: Connection;
  clock: Clock;
  configuration: () => Promise<Configuration>;
}

/** Looks at everything that `serve` needs, and changes none of it. */
export async function examine(environment: Environment, clock: Clock): Promise<Report> {
  const { settings, found } = readSettings(environment);
  const scene = settings && sceneOf(settings, clock);
  try {
    const checks: Check[] = [
      { name: 'settings', run: () => Promise.resolve([...found, ...advice(settings, found)]) },
      { name: 'variables', run: () => Promise.resolve(checkEnvironment(environment)) },
      { name: 'machine', run: () => checkMachine(settings) },
      ...checksOf(scene),
    ];
    return reportOf(await runChecks(checks));
  } finally {
    await scene?.connection.close();
  }
}

function sceneOf(settings: Settings, clock: Clock): Scene {
  let configuration: Promise<Configuration> | undefined;
  return {
    settings,
    connection: new Connection(settings),
    clock,
    configuration: () => (configuration ??= readConfiguration(settings, clock)),
  };
}

function advice(settings: Settings | undefined, found: Found[]): Found[] {
  if (settings === undefined) return [];
  return adviseOnSettings(settings).filter(({ status }) => found.length === 0 || status !== 'ok');
}

function checksOf(scene: Scene | undefined): Check[] {
  const check = (name: string, look: (scene: Scene) => Promise<Found[]>, timeoutMs?: number): Check => ({
    name,
    ...(timeoutMs !== undefined && { timeoutMs }),
    run: async () => {
      if (scene === undefined) throw new Skipped('the settings are not valid');
      return look(scene);
    },
  });
  return [
    check('files', ({ settings }) => checkFiles(settings)),
    check('manifests', async ({ configuration, settings }) =>
      judgeManifests(await configuration(), settings),
    ),
    check('database', ({ connection, settings }) => checkDatabase(connection, settings)),
    check('schema', ({ connection, settings }) => checkSchema(connection, settings)),
    check('serving-role', ({ connection, settings }) => checkServingRole(connection, settings)),
    check('migration-role', ({ settings }) => checkMigrationRole(settings)),
    check('clock', ({ connection, clock }) => checkClock(connection, clock)),
    check('audit', ({ connection }) => checkAudit(connection), AUDIT_TIMEOUT_MS),
    check('providers', async ({ configuration, clock }) => checkProviders(await configuration(), clock)),
    check('issuers', ({ settings, clock }) => checkIssuers(settings, clock)),
    check('ports', ({ settings }) => checkPorts(settings)),
  ];
}
