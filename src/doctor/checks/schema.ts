import type { Settings } from '../../config/load-settings.ts';
import { installedNamespace } from '../../database/installation.ts';
import type { Connection } from '../connection.ts';
import { codeOf } from '../describe.ts';
import { type Found, failure, ok, warning } from '../finding.ts';

export async function checkSchema(connection: Connection, settings: Settings): Promise<Found[]> {
  try {
    const pending = await connection.pendingMigrations();
    if (pending.length > 0) return [tellPending(pending, settings)];
    return [await checkNamespace(connection, settings)];
  } catch (error) {
    if (codeOf(error) !== '42501') throw error;
    return [
      failure(
        'the role of DATABASE_URL may not read the schema',
        'run `vestibule migrate` with this DATABASE_URL and the owner in DATABASE_MIGRATION_URL',
      ),
    ];
  }
}

function tellPending(pending: string[], { production }: Settings): Found {
  const message = `not up to date: ${pending.join(', ')} did not run`;
  return production
    ? failure(message, 'run `vestibule migrate` with the owner in DATABASE_MIGRATION_URL')
    : warning(message, 'start `serve`, which migrates outside production, or run `vestibule migrate`');
}

async function checkNamespace(connection: Connection, { namespace }: Settings): Promise<Found> {
  const { database } = await connection.migrated();
  const found = await installedNamespace(database);
  if (found === undefined) return ok(`up to date; the first \`serve\` takes the database for ${namespace}`);
  return found === namespace
    ? ok(`up to date; the database is that of ${namespace}`)
    : failure(
        `the database belongs to the installation ${found}, not to ${namespace}`,
        'mend VESTIBULE_NAMESPACE, or let DATABASE_URL name another database',
      );
}
