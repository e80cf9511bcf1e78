import type { Pool, QueryResultRow } from 'pg';
import type { DataSource } from 'typeorm';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { databaseFailure, isRetryable } from './database-error.ts';

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

  constructor(dataSource: DataSource, prepared: boolean) {
    this.#dataSource = dataSource;
    this.#prepared = prepared;
  }

  async connect(): Promise<void> {
    if (this.#pool !== undefined) return;
    if (!this.#dataSource.isInitialized) await this.#dataSource.initialize();
    this.#pool = (this.#dataSource.driver as PostgresDriver).master as Pool;
  }

  async close(): Promise<void> {
    this.#pool = undefined;
    if (this.#dataSource.isInitialized) await this.#dataSource.destroy();
  }

  /** Runs one statement, which is one transaction; a deadlock or serialization failure is tried once more. */
  async query<Row extends QueryResultRow>(statement: Statement, values: unknown[] = []): Promise<Row[]> {
    try {
      return await this.#send<Row>(statement, values);
    } catch (error) {
      if (!isRetryable(error)) throw databaseFailure(error);
    }
    try {
      return await this.#send<Row>(statement, values);
    } catch (error) {
      throw databaseFailure(error);
    }
  }

  async #send<Row extends QueryResultRow>(statement: Statement, values: unknown[]): Promise<Row[]> {
    if (this.#pool === undefined) throw new Error('not connected');
    const { rows } = await this.#pool.query<Row>(
      this.#prepared ? { ...statement, values } : { text: statement.text, values },
    );
    return rows;
  }
}
