import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { OWNER, PASSWORD, SERVING, TEMPLATE } from './cluster.ts';

/** A database of its own for one suite, cloned from the migrated template. */
export interface TestDatabase {
  name: string;
  superuserUrl: string;
  ownerUrl: string;
  servingUrl: string;
  /** As the superuser, who may look at everything. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  drop(): Promise<void>;
}

export async function createTestDatabase(
  superuserUrl = process.env['TEST_SUPERUSER_URL'],
): Promise<TestDatabase> {
  if (superuserUrl === undefined) throw new TypeError('the test cluster does not run');
  const name = `test_${randomBytes(8).toString('hex')}`;
  await run(superuserUrl, `CREATE DATABASE ${name} TEMPLATE ${TEMPLATE} OWNER ${OWNER}`);
  const pool = new pg.Pool({ connectionString: urlFor(superuserUrl, name), max: 2 });
  pool.on('error', () => undefined);
  return {
    name,
    superuserUrl: urlFor(superuserUrl, name),
    ownerUrl: urlFor(superuserUrl, name, OWNER),
    servingUrl: urlFor(superuserUrl, name, SERVING),
    query: async <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) =>
      (await pool.query<Row>(text, values)).rows,
    drop: async () => {
      await pool.end();
      await run(superuserUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

function urlFor(superuserUrl: string, database: string, role?: string): string {
  const url = new URL(superuserUrl);
  url.pathname = `/${database}`;
  if (role !== undefined) {
    url.username = role;
    url.password = PASSWORD;
  }
  return url.href;
}

async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
