import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { Initial1764000000000 } from './migrations/1764000000000-initial.ts';
import { Batches1764600000000 } from './migrations/1764600000000-batches.ts';
import { KeyRejections1764800000000 } from './migrations/1764800000000-key-rejections.ts';
import { AuditCheckpoints1765000000000 } from './migrations/1765000000000-audit-checkpoints.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 5_000;
/** Longer than the server's own limit, so that it only ends waits for a server that does not answer at all. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 1_000;
const IDLE_TIMEOUT_MS = 60_000;

/** The cap is exact, and what is answered is durable, whatever the database's or the role's own defaults are. */
const SESSION_SETTINGS = `
  SET statement_timeout = ${STATEMENT_TIMEOUT_MS};
  SET default_transaction_isolation = 'read committed';
  SET synchronous_commit = on`;

export interface DataSourceOptions {
  url: string;
  poolSize: number;
  applicationName: string;
  onPoolError: (error: unknown) => void;
}

/** The serving role's pool. It never changes the schema. */
export function createDataSource(options: DataSourceOptions): DataSource {
  return new DataSource({
    type: 'postgres',
    url: options.url,
    poolSize: options.poolSize,
    applicationName: options.applicationName,
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    poolErrorHandler: options.onPoolError,
    entities: [],
    migrations: MIGRATIONS,
    migrationsTableName: 'schema_migrations',
    synchronize: false,
    logging: false,
    installExtensions: false,
    extra: {
      query_timeout: ANSWER_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_TIMEOUT_MS,
      keepAlive: true,
      // As a statement and not as a startup parameter, which PgBouncer refuses; nobody gets a connection before.
      onConnect: (client: ClientBase) => client.query(SESSION_SETTINGS),
    },
  });
}

/** The owner's connection for `migrate`: schema changes may take their time, waits for locks may not. */
export function createMigrationDataSource(url: string): DataSource {
  return new DataSource({
    type: 'postgres',
    url,
    poolSize: 2,
    applicationName: 'vestibule-migrate',
    connectTimeoutMS: CONNECT_TIMEOUT_MS,
    entities: [],
    migrations: MIGRATIONS,
    migrationsTableName: 'schema_migrations',
    migrationsTransactionMode: 'each',
    synchronize: false,
    logging: false,
    installExtensions: false,
  });
}

const MIGRATIONS = [
  Initial1764000000000,
  Batches1764600000000,
  KeyRejections1764800000000,
  AuditCheckpoints1765000000000,
];
