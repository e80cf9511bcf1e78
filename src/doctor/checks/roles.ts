import type { Settings } from '../../config/load-settings.ts';
import { auditTamperingPower, missingAuditTriggers, missingPrivileges } from '../../database/serving-role.ts';
import type { Connected, Connection } from '../connection.ts';
import { type Found, failure, ok, warning } from '../finding.ts';

const MIGRATE = 'run `vestibule migrate` with this DATABASE_URL and the owner in DATABASE_MIGRATION_URL';

/** Whether the serving role may do what it must, and no more. */
export async function checkServingRole(connection: Connection, settings: Settings): Promise<Found[]> {
  const { dataSource } = await connection.migrated();
  const found = [...(await tampering(dataSource, settings)), ...(await trigger(dataSource))];
  const missing = await missingPrivileges(dataSource);
  if (missing.length > 0) {
    found.push(failure(`the role of DATABASE_URL lacks ${missing.join(', ')}`, MIGRATE));
  }
  return found.length > 0 ? found : [ok('the serving role may add audit rows and not change them')];
}

async function tampering(dataSource: Connected['dataSource'], { production }: Settings): Promise<Found[]> {
  const power = await auditTamperingPower(dataSource);
  if (power === undefined) return [];
  const message = `the role of DATABASE_URL ${power}`;
  const fix =
    'serve as a role of its own, named in DATABASE_URL; `vestibule migrate` grants it what it needs';
  return [
    production
      ? failure(`${message}: \`serve\` refuses it`, fix)
      : warning(`${message}: production would refuse it`, fix),
  ];
}

async function trigger(dataSource: Connected['dataSource']): Promise<Found[]> {
  const missing = await missingAuditTriggers(dataSource);
  return missing.length === 0
    ? []
    : [
        failure(
          `triggers that refuse to change audit rows are gone or off: ${missing.join(', ')}`,
          'find out who did it; then ALTER TABLE … ENABLE TRIGGER, or restore them',
        ),
      ];
}
