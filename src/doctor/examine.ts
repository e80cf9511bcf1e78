import type { Clock } from '../common/clock.ts';
import type { Environment, Settings } from '../config/load-settings.ts';
import { checkAudit, VERIFY_MS } from './checks/audit.ts';
import { checkAuditFile } from './checks/audit-file.ts';
import { checkCluster } from './checks/cluster.ts';
import { checkClock } from './checks/clock.ts';
import { checkDatabase } from './checks/database.ts';
import { checkEnvironment } from './checks/environment.ts';
import { checkFiles } from './checks/files.ts';
import { checkIssuers } from './checks/issuers.ts';
import { checkMachine } from './checks/machine.ts';
import { judgeManifests } from './checks/manifests.ts';
import { checkMigrationRole } from './checks/migration-role.ts';
import { checkPermissions } from './checks/permissions.ts';
import { checkPorts } from './checks/ports.ts';
import { checkProviders } from './checks/providers.ts';
import { checkServingRole } from './checks/roles.ts';
import { checkSchema } from './checks/schema.ts';
import { checkSealedKeys } from './checks/sealed-keys.ts';
import { checkSealingCertificate } from './checks/sealing-certificate.ts';
import { readSettings } from './checks/settings.ts';
import { adviseOnSettings } from './checks/settings-advice.ts';
import { ClusterLink } from './cluster-link.ts';
import { type Configuration, readClusterConfiguration, readDirectoryConfiguration } from './configuration.ts';
import { Connection } from './connection.ts';
import { type Found, Skipped } from './finding.ts';
import { type Report, reportOf } from './report.ts';
import { type Check, runChecks } from './run-checks.ts';

/** `audit` also reads heads before it verifies. */
const AUDIT_TIMEOUT_MS = VERIFY_MS + 15_000;
/** A request to the API server may take 10 s, and some checks ask one after the other. */
const CLUSTER_TIMEOUT_MS = 40_000;

/** What the checks look at; there is none without valid settings. */
interface Scene {
  settings: Settings;
  connection: Connection;
  /** Opened only when a check asks. */
  link: ClusterLink;
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
    await scene?.link.close();
  }
}

function sceneOf(settings: Settings, clock: Clock): Scene {
  const link = new ClusterLink(settings, clock);
  const read = (): Promise<Configuration> =>
    settings.vault === 'kubernetes'
      ? readClusterConfiguration(link, settings)
      : readDirectoryConfiguration(settings, clock);
  let configuration: Promise<Configuration> | undefined;
  return {
    settings,
    connection: new Connection(settings),
    link,
    clock,
    configuration: () => (configuration ??= read()),
  };
}

function advice(settings: Settings | undefined, found: Found[]): Found[] {
  if (settings === undefined) return [];
  return adviseOnSettings(settings).filter(({ status }) => found.length === 0 || status !== 'ok');
}

type Look = (scene: Scene) => Promise<Found[]>;

function checksOf(scene: Scene | undefined): Check[] {
  const check = (name: string, look: Look, timeoutMs?: number): Check => ({
    name,
    ...(timeoutMs !== undefined && { timeoutMs }),
    run: async () => {
      if (scene === undefined) throw new Skipped('the settings are not valid');
      return look(scene);
    },
  });
  const inCluster = scene?.settings.vault === 'kubernetes';
  const auditFile = scene?.settings.auditFile;
  const configurationTimeoutMs = inCluster ? CLUSTER_TIMEOUT_MS : undefined;
  return [
    check('files', ({ settings }) => checkFiles(settings)),
    ...(inCluster ? CLUSTER_CHECKS.map(([name, look]) => check(name, look, CLUSTER_TIMEOUT_MS)) : []),
    check(
      'manifests',
      async ({ configuration, settings }) => judgeManifests(await configuration(), settings),
      configurationTimeoutMs,
    ),
    check('database', ({ connection, settings }) => checkDatabase(connection, settings)),
    check('schema', ({ connection, settings }) => checkSchema(connection, settings)),
    check('serving-role', ({ connection, settings }) => checkServingRole(connection, settings)),
    check('migration-role', ({ settings }) => checkMigrationRole(settings)),
    check('clock', ({ connection, clock }) => checkClock(connection, clock)),
    check('audit', ({ connection, settings }) => checkAudit(connection, settings), AUDIT_TIMEOUT_MS),
    ...(auditFile === undefined
      ? []
      : [check('audit-file', ({ settings }) => checkAuditFile(auditFile, settings))]),
    check(
      'providers',
      async ({ configuration, clock }) => checkProviders(await configuration(), clock),
      configurationTimeoutMs,
    ),
    check('issuers', ({ settings, clock }) => checkIssuers(settings, clock)),
    check('ports', ({ settings }) => checkPorts(settings)),
  ];
}

const CLUSTER_CHECKS: readonly [string, Look][] = [
  ['cluster', ({ link, settings }) => checkCluster(link, settings)],
  ['permissions', ({ link, settings }) => checkPermissions(link, settings)],
  ['sealing-certificate', ({ link, settings, clock }) => checkSealingCertificate(link, settings, clock)],
  ['sealed-keys', ({ link, settings, configuration }) => checkSealedKeys(link, settings, configuration)],
];
