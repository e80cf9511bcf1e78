import { loadSettings, type Settings } from '../config/load-settings.ts';
import { createDataSource } from '../database/data-source.ts';
import { Database } from '../database/database.ts';
import { databaseUrls } from '../database/database-urls.ts';

export const TAMPERED_EXIT_CODE = 1;
const FAILED_EXIT_CODE = 2;

/** Connects as the serving role, or as the owner, for the time of the work. */
export async function withAudit(
  role: 'serving' | 'migration',
  work: (database: Database, settings: Settings) => Promise<void>,
): Promise<void> {
  const settings = loadSettings(process.env);
  const urls = await databaseUrls(settings, () => undefined);
  const dataSource = createDataSource({
    url: urls[role],
    poolSize: 1,
    applicationName: 'vestibule-audit',
    onPoolError: () => undefined,
  });
  const database = new Database(dataSource, settings.databasePrepared === 'on');
  try {
    await database.connect();
    await work(database, settings);
  } finally {
    await database.close();
    await urls.embedded?.stop();
  }
}

/** Exit codes as `audit verify` has them: whatever keeps the work from being done is 2. */
export async function orExitCode(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : 'failed'}\n`);
    process.exitCode = FAILED_EXIT_CODE;
  }
}
