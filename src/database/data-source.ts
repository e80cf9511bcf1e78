import type { ClientBase } from 'pg';
import { DataSource } from 'typeorm';
import { Initial1764000000000 } from './migrations/1764000000000-initial.ts';
import { Batches1764600000000 } from './migrations/1764600000000-batches.ts';
import { KeyRejections1764800000000 } from './migrations/1764800000000-key-rejections.ts';
import { AuditCheckpoints1765000000000 } from './migrations/1765000000000-audit-checkpoints.ts';
import { WholeBatches1765200000000 } from './migrations/1765200000000-whole-batches.ts';
import { RepeatedAnswers1765400000000 } from './migrations/1765400000000-repeated-answers.ts';

const CONNECT_TIMEOUT_MS = 2_000;
const STATEMENT_TIMEOUT_MS = 5_000;
/** Longer than the server's own limit, so that it only ends waits for a server that does not answer at all. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 1_000;
const IDLE_TIMEOUT_MS = 60_000;

const SETTINGS: Record<string, string> = {
  statement_timeout: String(STATEMENT_TIMEOUT_MS),
  default_transaction_isolation: 'read committed',
  synchronous_commit: 'on',
  // Compiling takes some 0.1 s and 25 MB of each connection, for statements that take 1 ms.
  jit: 'off',
};

/**
 * The cap is exact, and what is answered is durable, whatever the database's or the role's own defaults are. What
 * promises more than we ask for stays.
 */
const UNLIKE_OURS = `(VALUES ${Object.entries(SETTINGS)
  .map(([name, value]) => `('${name}', '${value}')`)
  .join(', ')}) AS wanted (name, value) JOIN pg_settings AS s USING (name)
  WHERE NOT (s.name = 'synchronous_commit' AND s.reset_val = 'remote_apply')`;

/** For the connection that sends it. */
const SESSION_SETTINGS = `SELECT set_config(name, value, false) FROM ${UNLIKE_OURS}`;

/**
 * For every connection that the role will have: a pooler that lends a server's connection for one transaction runs
 * statements on connections that never saw what was set on another. Each role may set its own defaults.
 */
export const KEEP_ROLE_DEFAULTS = `
  DO $$
  DECLARE
    ours record;
  BEGIN
    FOR ours IN SELECT name, value FROM ${UNLIKE_OURS} AND s.reset_val <> value LOOP
      EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET %I = %L', current_database(), ours.name, ours.value);
    END LOOP;
  END $$`;

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

/** Who waits for a table holds up all who want it later, and that is every opening: such a wait is short, and tried again. */
const MIGRATION_LOCK_TIMEOUT = '2s';

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
    // Where the role that serves also migrates, it has a serving role's defaults.
    extra: {
      onConnect: (client: ClientBase) =>
        client.query(`SET statement_timeout = 0; SET lock_timeout = '${MIGRATION_LOCK_TIMEOUT}'`),
    },
  });
}

const MIGRATIONS = [
  Initial1764000000000,
  Batches1764600000000,
  KeyRejections1764800000000,
  AuditCheckpoints1765000000000,
  WholeBatches1765200000000,
  RepeatedAnswers1765400000000,
];
