import { createHmac } from 'node:crypto';
import pg from 'pg';
import { type Settings, SettingsError } from '../config/load-settings.ts';
import type { EmbeddedPostgres } from './embedded/embedded-postgres.ts';

const DATABASE = 'vestibule';
const OWNER = 'vestibule_owner';
const SERVING = 'vestibule';
/** Any number; serialises the making of roles by several processes. */
const SETUP_LOCK = 5_842_617_302;

export interface DatabaseUrls {
  serving: string;
  migration: string;
  /** Set when this process started or adopted the embedded server, and so has to stop it, last of all. */
  embedded: EmbeddedPostgres | undefined;
}

/** The configured database, or outside production the embedded one. */
export async function databaseUrls(
  settings: Settings,
  log: (message: string) => void,
): Promise<DatabaseUrls> {
  const { databaseUrl, databaseMigrationUrl, directory } = settings;
  if (databaseUrl !== undefined) {
    return { serving: databaseUrl, migration: databaseMigrationUrl ?? databaseUrl, embedded: undefined };
  }
  if (settings.production) throw new SettingsError(['DATABASE_URL is required in production']);
  const { startEmbeddedPostgres } = await import('./embedded/embedded-postgres.ts');
  const embedded = await startEmbeddedPostgres({ directory, log });
  try {
    const passwords = [OWNER, SERVING].map((role) => passwordOf(role, embedded.superuserUrl)) as [
      string,
      string,
    ];
    await makeRoles(embedded.superuserUrl, passwords);
    return {
      serving: embedded.urlFor(SERVING, passwords[1], DATABASE),
      migration: embedded.urlFor(OWNER, passwords[0], DATABASE),
      embedded,
    };
  } catch (error) {
    await embedded.stop();
    throw error;
  }
}

/** As `databaseUrls`, and starts nothing: undefined when the embedded database does not run. */
export async function runningDatabaseUrls(
  settings: Settings,
): Promise<Omit<DatabaseUrls, 'embedded'> | undefined> {
  const { databaseUrl, databaseMigrationUrl, directory } = settings;
  if (databaseUrl !== undefined)
    return { serving: databaseUrl, migration: databaseMigrationUrl ?? databaseUrl };
  if (settings.production) return undefined;
  const { findEmbeddedPostgres } = await import('./embedded/running-postgres.ts');
  const found = await findEmbeddedPostgres(directory);
  if (found === undefined) return undefined;
  const urlOf = (role: string): string => found.urlFor(role, passwordOf(role, found.superuserUrl), DATABASE);
  return { serving: urlOf(SERVING), migration: urlOf(OWNER) };
}

/** Follows from the superuser's password, so that every process on this server knows it. */
function passwordOf(role: string, superuserUrl: string): string {
  return createHmac('sha256', new URL(superuserUrl).password).update(role).digest('hex');
}

async function makeRoles(superuserUrl: string, [owner, serving]: [string, string]): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [SETUP_LOCK]);
    for (const [role, password] of [
      [OWNER, owner],
      [SERVING, serving],
    ] as const) {
      const found = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
      if (found.rowCount === 0) await client.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
    }
    const found = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE} OWNER ${OWNER}`);
  } finally {
    await client.end();
  }
}
