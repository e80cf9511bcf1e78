import { availableParallelism } from 'node:os';
import pg from 'pg';
import { newChainId, sessionIdAt } from '../src/common/ids.ts';
import { createDataSource } from '../src/database/data-source.ts';
import { Database } from '../src/database/database.ts';
import { Installation } from '../src/database/installation.ts';
import type { TestDatabase } from '../test/support/test-database.ts';
import { clientOf, projectOf } from './callers.ts';
import type { Filling } from './settings.ts';

/** Of the installation, by which its projects' pseudonyms are known before the service starts. */
export const NAMESPACE = 'default';
const MOST_WRITERS = 4;
const BATCH = 10_000;

/** $1: the first of a batch; $2: how many; $3: projects and their clients, as JSON. */
const OWNED = `generate_series($1::integer, $1::integer + $2::integer - 1) AS n JOIN
    ROWS FROM (jsonb_to_recordset($3) AS (hash text, client text)) WITH ORDINALITY AS p (hash, client, o)
    ON p.o - 1 = n / 2 % jsonb_array_length($3)`;

/** Two rows a session, by the service's own function, so that each chain ($4) is a valid one. */
const APPEND = {
  name: 'fill_audit',
  text: `SELECT audit_append($4, (
    SELECT jsonb_agg(jsonb_build_object('event', e.name, 'outcome', 'success', 'actor', p.client,
      'actor_kind', 'client', 'ip', '127.0.0.1', 'request_id', 'req_' || i.id, 'project_hash', p.hash,
      'session_id', 'ses_' || i.id, 'detail', '{"flow":"commercial","key_fingerprint":"sha256:0123456789abcdef",' || e.rest)
      ORDER BY n)
    FROM ${OWNED},
      LATERAL (SELECT left(md5($4 || n / 2), 26) AS id) AS i,
      LATERAL (SELECT CASE n % 2 WHEN 0 THEN 'vault_key_loaded' ELSE 'session_created' END AS name,
        CASE n % 2 WHEN 0 THEN '"provider":"openai"}' ELSE '"model":"gpt-realtime-2.1"}' END AS rest) AS e))`,
};

/** Live for longer than any run. $4: what the ids of this moment begin with. */
const OPEN = {
  name: 'fill_sessions',
  text: `INSERT INTO sessions (id, project_hash, client, flow, state, model, key_fingerprint, lease_token_hash,
      lease_seconds, lease_expires_at, ends_at, opened_at, activated_at, provider_session_id)
    SELECT $4 || left(md5(n::text), 16), p.hash, p.client, 'commercial', 'active', 'gpt-realtime-2.1',
      'sha256:0123456789abcdef', sha256(convert_to(n::text, 'UTF8')), 7200, now() + interval '2 hours',
      now() + interval '1 day', now(), now(), 'sess_' || md5(n::text)
    FROM ${OWNED}`,
};

const SIZE = 'SELECT pg_database_size(current_database())::float8 / 1048576 AS mb';

interface FillOptions {
  filling: Filling;
  /** Those of the load, among which all is spread evenly. */
  projects: number;
  signal: AbortSignal;
}

export interface Filled {
  ms: number;
  mb: number;
}

/** As if the service had long been in use: rows, counts, statistics, and nothing left to write to disk. */
export async function fillDatabase(database: TestDatabase, options: FillOptions): Promise<Filled> {
  const { filling, projects, signal } = options;
  const begun = performance.now();
  const owners = JSON.stringify(await ownersOf(database.servingUrl, projects));
  const writers = Math.min(MOST_WRITERS, availableParallelism());
  const fill = { url: database.ownerUrl, owners, signal };
  const rows = Math.ceil(filling.auditRows / writers);
  const written = await Promise.allSettled(
    Array.from({ length: writers }, () =>
      inBatches({ ...fill, ...APPEND, rows, tag: newChainId(Date.now()) }),
    ),
  );
  // Not before every connection is closed: who asked may drop the database.
  const failed = written.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
  if (failed !== undefined) throw failed.reason;
  await inBatches({ ...fill, ...OPEN, rows: filling.sessions, tag: sessionIdAt(Date.now()) });
  await database.query('SELECT recount_slots()');
  await database.query('VACUUM (ANALYZE)');
  await database.query('CHECKPOINT');
  const [size] = await database.query<{ mb: number }>(SIZE);
  return { ms: performance.now() - begun, mb: size?.mb ?? 0 };
}

/** The projects as this database will know them. */
async function ownersOf(servingUrl: string, count: number): Promise<{ hash: string; client: string }[]> {
  const dataSource = createDataSource({
    url: servingUrl,
    poolSize: 1,
    applicationName: 'bench',
    onPoolError: () => undefined,
  });
  const database = new Database(dataSource, false);
  try {
    await database.connect();
    const installation = new Installation();
    await installation.load(database, NAMESPACE);
    return Array.from({ length: count }, (_, index) => ({
      hash: installation.projectHash(projectOf(index)),
      client: clientOf(index),
    }));
  } finally {
    await database.close();
  }
}

interface Batches {
  url: string;
  name: string;
  text: string;
  rows: number;
  owners: string;
  tag: string;
  signal: AbortSignal;
}

async function inBatches({ url, name, text, rows, owners, tag, signal }: Batches): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (let first = 0; first < rows; first += BATCH) {
      signal.throwIfAborted();
      await client.query({ name, text, values: [first, Math.min(BATCH, rows - first), owners, tag] });
    }
  } finally {
    await client.end();
  }
}
