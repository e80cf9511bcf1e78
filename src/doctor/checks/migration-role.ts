import type { Settings } from '../../config/load-settings.ts';
import { createDataSource } from '../../database/data-source.ts';
import { mayMigrate } from '../../database/serving-role.ts';
import { reasonOf } from '../describe.ts';
import { type Found, failure, ok, Skipped } from '../finding.ts';
import { reachFix } from './database.ts';

export async function checkMigrationRole({ databaseMigrationUrl }: Settings): Promise<Found[]> {
  if (databaseMigrationUrl === undefined) throw new Skipped('DATABASE_MIGRATION_URL is not set here');
  const dataSource = createDataSource({
    url: databaseMigrationUrl,
    poolSize: 1,
    applicationName: 'vestibule-doctor',
    onPoolError: () => undefined,
  });
  try {
    await dataSource.initialize();
    return (await mayMigrate(dataSource))
      ? [ok('the role of DATABASE_MIGRATION_URL may migrate')]
      : [
          failure(
            'the role of DATABASE_MIGRATION_URL may not make tables, or does not own those that are there',
            'name the owner of the schema, or grant it CREATE on the schema',
          ),
        ];
  } catch (error) {
    return [failure(`not reached: ${reasonOf(error)}`, reachFix(error, 'DATABASE_MIGRATION_URL'))];
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
  }
}
