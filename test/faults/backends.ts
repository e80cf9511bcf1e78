import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { TestDatabase } from '../support/test-database.ts';
import { signalled } from './belongings.ts';
import type { RigPostgres } from './database.ts';

const TIMEOUT_MS = 2_000;
const STEP_MS = 30;

/** The services' backends, but for those of the rig itself. */
const BACKENDS = `SELECT pid FROM pg_stat_activity
  WHERE datname = $1 AND application_name LIKE 'vestibule%' ORDER BY pid`;

/** kill -9: PostgreSQL cannot know what it left in shared memory, so it throws all others out and recovers. */
export async function killBackend(
  { superuserUrl }: RigPostgres,
  { name }: TestDatabase,
  draw: number,
): Promise<undefined | false> {
  const pids = await within(superuserUrl, async (client) =>
    (await client.query<{ pid: number }>(BACKENDS, [name])).rows.map(({ pid }) => pid),
  );
  const pid = pids[Math.floor(draw * pids.length)];
  return pid !== undefined && signalled(pid, 'SIGKILL') ? undefined : false;
}

export async function terminateBackends(
  { superuserUrl }: RigPostgres,
  { name }: TestDatabase,
  perCent: number,
): Promise<undefined | false> {
  const ended = await within(superuserUrl, async (client) => {
    const { rows } = await client.query<{ pid: number }>(BACKENDS, [name]);
    const some = rows.slice(0, Math.max(1, Math.round((rows.length * perCent) / 100))).map(({ pid }) => pid);
    await client.query('SELECT pg_terminate_backend(pid) FROM unnest($1::integer[]) AS pid', [some]);
    return some.length;
  });
  return ended > 0 ? undefined : false;
}

/** Holds what every reservation and every end of some projects waits for. */
export async function holdSlots({ superuserUrl }: TestDatabase, projects: number): Promise<() => void> {
  return inTransaction(superuserUrl, async (client) => {
    await client.query('SET LOCAL lock_timeout = 1000');
    const text =
      'SELECT FROM project_slots ORDER BY taken DESC, project_hash LIMIT $1 FOR UPDATE SKIP LOCKED';
    await client.query(text, [projects]);
  });
}

/** Takes the same one by one in the order opposite to everybody else's: whoever waits in a circle, one is thrown out. */
export async function crossSlots({ superuserUrl }: TestDatabase, projects: number): Promise<() => void> {
  return inTransaction(superuserUrl, async (client) => {
    const text = 'SELECT project_hash AS hash FROM project_slots ORDER BY taken DESC LIMIT $1';
    const { rows } = await client.query<{ hash: string }>(text, [projects]);
    for (const hash of rows
      .map((row) => row.hash)
      .sort()
      .reverse()) {
      await client.query('SELECT FROM project_slots WHERE project_hash = $1 FOR UPDATE', [hash]);
      await delay(STEP_MS);
    }
  });
}

/** Returns what rolls it back. */
async function inTransaction(url: string, work: (client: pg.Client) => Promise<void>): Promise<() => void> {
  const client = await connected(url);
  try {
    await client.query('BEGIN');
    await work(client);
  } catch (error) {
    leave(client);
    throw error;
  }
  return () => {
    leave(client);
  };
}

async function connected(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Without waiting for a server that may be frozen. */
function leave(client: pg.Client): void {
  client.end().catch(() => undefined);
}

async function within<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connected(url);
  try {
    return await work(client);
  } finally {
    leave(client);
  }
}
