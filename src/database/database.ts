import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient, QueryResultRow } from 'pg';
import type { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { databaseFailure, isReadOnly, isRolledBack, keepsConnection } from './database-error.ts';

const MAX_ATTEMPTS = 5;
/** The longest pause before the second attempt; each further one may be twice as long. */
const BACKOFF_MS = 10;

/** A statement under a name of its own, by which the server keeps it prepared. */
export interface Statement {
  name: string;
  text: string;
}

/** The serving role's connections. Every failure surfaces as a 503 `unavailable` with its cause. */
export class Database {
  #pool: Pool | undefined;
  readonly #dataSource: DataSource;
  readonly #prepared: boolean;
  readonly #connections = new Set<PoolClient>();
  /** Those that were open when their server turned out to take no writes any more. */
  readonly #stale = new WeakSet<PoolClient>();

  constructor(dataSource: DataSource, prepared: boolean) {
    this.#dataSource = dataSource;
    this.#prepared = prepared;
  }

  async connect(): Promise<void> {
    if (this.#pool !== undefined) return;
    if (!this.#dataSource.isInitialized) await this.#dataSource.initialize();
    const pool = (this.#dataSource.driver as PostgresDriver).master as Pool;
    pool.on('acquire', (connection) => {
      this.#note(connection);
    });
    pool.on('remove', (connection) => this.#connections.delete(connection));
    this.#pool = pool;
  }

  async close(): Promise<void> {
    this.#pool = undefined;
    if (this.#dataSource.isInitialized) await this.#dataSource.destroy();
  }

  /**
   * Runs one statement, which is one transaction. One that was certainly rolled back is sent again, a few times and
   * after a random pause, so that those who met do not meet again. One whose fate nobody knows never is.
   */
  async query<Row extends QueryResultRow>(statement: Statement, values: unknown[] = []): Promise<Row[]> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#send<Row>(statement, values);
      } catch (error) {
        if (isReadOnly(error)) this.#distrustConnections();
        if (attempt === MAX_ATTEMPTS || !isRolledBack(error)) throw databaseFailure(error);
      }
      await delay(Math.random() * BACKOFF_MS * 2 ** (attempt - 1));
    }
  }

  async #send<Row extends QueryResultRow>(statement: Statement, values: unknown[]): Promise<Row[]> {
    if (this.#pool === undefined) throw new Error('not connected');
    const connection = await this.#acquire(this.#pool);
    let usable = true;
    try {
      const { rows } = await connection.query<Row>(
        this.#prepared ? { ...statement, values } : { text: statement.text, values },
      );
      return rows;
    } catch (error) {
      usable = keepsConnection(error);
      throw error;
    } finally {
      connection.release(!usable);
    }
  }

  #note(connection: PoolClient): void {
    if (this.#connections.has(connection)) return;
    this.#connections.add(connection);
    // One that breaks under a statement says so by the statement's failure, too.
    connection.on('error', () => undefined);
  }

  /** A fail-over leaves connections to a server that answers and writes nothing: the others lead there as well. */
  #distrustConnections(): void {
    for (const connection of this.#connections) this.#stale.add(connection);
  }

  /** Ends after as many rounds as there were connections: each stale one is met once. */
  async #acquire(pool: Pool): Promise<PoolClient> {
    for (;;) {
      const connection = await pool.connect();
      if (!this.#stale.has(connection)) return connection;
      connection.release(true);
    }
  }
}
