import { setTimeout as delay } from 'node:timers/promises';
import type { DataSource, QueryRunner } from 'typeorm';
import { createMigrationDataSource } from './data-source.ts';
import { grantServingRole } from './serving-role.ts';

/** Any number; the same for every process that migrates this schema. */
const MIGRATION_LOCK = 5_842_617_301;
/** For another process that migrates. */
const LOCK_TIMEOUT = '60s';
/** For a table that somebody reads for long, as a back-up does. */
const ATTEMPTS = 20;
const PAUSE_MS = 1_000;
const LOCK_NOT_AVAILABLE = '55P03';
/** As in `server_version_num`. */
export const OLDEST_SERVER = 150_000;

export interface MigrateOptions {
  migrationUrl: string;
  /** The URL whose user serves; the same user as the owner's is allowed outside production. */
  servingUrl: string;
}

/** Brings the schema up to date and grants the serving role what it needs; returns the migrations that ran. */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const dataSource = createMigrationDataSource(options.migrationUrl);
  await dataSource.initialize();
  try {
    const lockHolder = dataSource.createQueryRunner();
    try {
      await checkServer(lockHolder);
      await lockHolder.query(`SET lock_timeout = '${LOCK_TIMEOUT}'`);
      await lockHolder.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
      const pending = await pendingMigrations(dataSource);
      await runMigrations(dataSource);
      await grantServingRole(lockHolder, new URL(options.servingUrl).username);
      return pending;
    } finally {
      // Closing the session also frees the lock, so that nothing is left behind by an error above.
      await lockHolder.query('SELECT pg_advisory_unlock_all()').catch(() => undefined);
      await lockHolder.release();
    }
  } finally {
    await dataSource.destroy();
  }
}

/** Whether this program's schema is in the database; a newer one is, too: migrations only ever expand it. */
export async function schemaIsCurrent(dataSource: DataSource): Promise<boolean> {
  return (await pendingMigrations(dataSource)).length === 0;
}

/** Names of this program's migrations that the database has not had, in their order. */
export async function pendingMigrations(dataSource: DataSource): Promise<string[]> {
  const rows = await dataSource
    .query<{ name: string }[]>('SELECT name FROM schema_migrations')
    .catch((error: unknown) => {
      if ((error as { code?: string }).code === '42P01') return [];
      throw error;
    });
  const applied = new Set(rows.map(({ name }) => name));
  return dataSource.migrations
    .map(({ name, constructor }) => name ?? constructor.name)
    .filter((name) => !applied.has(name));
}

/** Between attempts, whoever waits for a table has it. */
async function runMigrations(dataSource: DataSource): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await dataSource.runMigrations();
      return;
    } catch (error) {
      if (attempt === ATTEMPTS || (error as { code?: string }).code !== LOCK_NOT_AVAILABLE) throw error;
    }
    await delay(PAUSE_MS);
  }
}

async function checkServer(runner: QueryRunner): Promise<void> {
  const rows = (await runner.query('SHOW server_version_num')) as { server_version_num: string }[];
  if (Number(rows[0]?.server_version_num) < OLDEST_SERVER) {
    throw new Error('PostgreSQL 15 or newer is required');
  }
}
