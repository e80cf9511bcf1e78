import { loadSettings } from '../config/load-settings.ts';
import { databaseUrls } from '../database/database-urls.ts';
import { migrate } from '../database/migrate.ts';

export async function migrateCommand(): Promise<void> {
  const urls = await databaseUrls(loadSettings(process.env), () => undefined);
  try {
    const ran = await migrate({ migrationUrl: urls.migration, servingUrl: urls.serving });
    process.stdout.write(ran.length === 0 ? 'the schema is up to date\n' : `migrated: ${ran.join(', ')}\n`);
  } finally {
    await urls.embedded?.stop();
  }
}
