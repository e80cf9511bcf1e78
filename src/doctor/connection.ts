import type { Settings } from '../config/load-settings.ts';
import { createDataSource } from '../database/data-source.ts';
import { Database } from '../database/database.ts';
import { runningDatabaseUrls } from '../database/database-urls.ts';
import { pendingMigrations } from '../database/migrate.ts';
import { Skipped } from './finding.ts';

/** One for each check that asks at the same time. */
const CONNECTIONS = 5;

export interface Connected {
  dataSource: ReturnType<typeof createDataSource>;
  database: Database;
}

/** The serving role's database, reached once for all checks. */
export class Connection {
  readonly #settings: Settings;
  #connected: Promise<Connected> | undefined;
  #pending: Promise<string[]> | undefined;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Rejects with the database's own error, or with Skipped where there is no database to ask. */
  connect(): Promise<Connected> {
    return (this.#connected ??= this.#open());
  }

  /** For checks that another check's finding explains. */
  async connected(): Promise<Connected> {
    return this.connect().catch(() => {
      throw new Skipped('the database is not reached');
    });
  }

  async pendingMigrations(): Promise<string[]> {
    const { dataSource } = await this.connected();
    return (this.#pending ??= pendingMigrations(dataSource));
  }

  /** For checks that need this program's tables. */
  async migrated(): Promise<Connected> {
    const pending = await this.pendingMigrations().catch((error: unknown) => {
      throw error instanceof Skipped ? error : new Skipped('the schema cannot be read');
    });
    if (pending.length > 0) throw new Skipped('the schema is not up to date');
    return this.connected();
  }

  async close(): Promise<void> {
    const connected = await this.#connected?.catch(() => undefined);
    await connected?.database.close();
  }

  async #open(): Promise<Connected> {
    const urls = await runningDatabaseUrls(this.#settings);
    if (urls === undefined) {
      throw new Skipped(
        this.#settings.production
          ? 'there is no DATABASE_URL'
          : 'the embedded PostgreSQL does not run; `serve` starts it',
      );
    }
    const dataSource = createDataSource({
      url: urls.serving,
      poolSize: CONNECTIONS,
      applicationName: 'vestibule-doctor',
      onPoolError: () => undefined,
    });
    const database = new Database(dataSource, false);
    await database.connect();
    return { dataSource, database };
  }
}
