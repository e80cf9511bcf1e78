import type { Logger } from 'pino';
import type { DataSource } from 'typeorm';
import { SettingsError, type Settings } from '../config/load-settings.ts';
import { KEEP_ROLE_DEFAULTS } from './data-source.ts';
import type { Database } from './database.ts';
import { ForeignDatabaseError, type Installation } from './installation.ts';
import { migrate, schemaIsCurrent } from './migrate.ts';
import { auditTamperingPower } from './serving-role.ts';

const RETRY_MS = 1_000;

/** Connects to the database and checks it, as often as it takes: it may come up, or be migrated, after this process. */
export class DatabaseLink {
  readonly #dataSource: DataSource;
  readonly #database: Database;
  readonly #installation: Installation;
  readonly #urls: { serving: string; migration: string };
  readonly #settings: Settings;
  readonly #logger: Logger;
  /** Called when a database that was away turns out to be one that must not be used. */
  readonly #onRefused: () => void;
  #timer: NodeJS.Timeout | undefined;
  #ready = false;
  #stopped = false;
  #onReady: (() => void) | undefined;
  #lastProblem = '';

  constructor(
    dataSource: DataSource,
    { database, installation }: { database: Database; installation: Installation },
    urls: { serving: string; migration: string },
    settings: Settings,
    { logger, onRefused }: { logger: Logger; onRefused: () => void },
  ) {
    this.#dataSource = dataSource;
    this.#database = database;
    this.#installation = installation;
    this.#urls = urls;
    this.#settings = settings;
    this.#logger = logger;
    this.#onRefused = onRefused;
  }

  /** Tries once and goes on trying in the background; rejects only when the database must not be used. */
  async start(): Promise<void> {
    const problem = await this.#attempt();
    if (problem !== undefined) this.#retryLater(problem);
  }

  whenReady(callback: () => void): void {
    this.#onReady = callback;
    if (this.#ready) callback();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** Why it is not usable yet; undefined when it is. */
  async #attempt(): Promise<string | undefined> {
    try {
      // In production, `vestibule migrate` runs on its own, with rights that serving does not have.
      if (!this.#settings.production) {
        await migrate({ migrationUrl: this.#urls.migration, servingUrl: this.#urls.serving });
      }
      await this.#database.connect();
      if (!(await schemaIsCurrent(this.#dataSource))) return 'its schema is not migrated to this version';
      const power = this.#settings.production ? await auditTamperingPower(this.#dataSource) : undefined;
      if (power !== undefined) throw new SettingsError([`DATABASE_URL names a role that ${power}`]);
      await this.#installation.load(this.#database, this.#settings.namespace);
      await this.#keepRoleDefaults();
    } catch (error) {
      const refused =
        error instanceof ForeignDatabaseError ? new SettingsError([`DATABASE_URL: ${error.message}`]) : error;
      if (refused instanceof SettingsError) {
        await this.#database.close();
        throw refused;
      }
      return error instanceof Error ? error.message : 'it cannot be reached';
    }
    this.#ready = true;
    this.#onReady?.();
    return undefined;
  }

  /** Several replicas may do so at once, and then some fail; `doctor` finds what is still missing. */
  async #keepRoleDefaults(): Promise<void> {
    await this.#dataSource.query(KEEP_ROLE_DEFAULTS).catch((error: unknown) => {
      this.#logger.warn({ err: error }, 'the serving role’s defaults could not be set');
    });
  }

  #retryLater(problem: string): void {
    if (this.#stopped) return;
    if (problem !== this.#lastProblem) this.#logger.warn({ problem }, 'waiting for the database');
    this.#lastProblem = problem;
    this.#timer = setTimeout(() => {
      this.#attempt().then(
        (again) => {
          if (again !== undefined) this.#retryLater(again);
        },
        (error: unknown) => {
          this.#logger.fatal({ err: error }, 'the database must not be used');
          this.#onRefused();
        },
      );
    }, RETRY_MS);
  }
}
