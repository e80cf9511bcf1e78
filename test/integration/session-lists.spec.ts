/** Lists of sessions in a table that is too large to be read for a page. */
import pg from 'pg';
import { LIST, LIST_NEWEST_OF_PROJECT } from '../../src/session/session-queries.ts';
import { startStack, type Stack } from '../support/stack.ts';

/** Two times and a half what a page looks at. */
const SESSIONS = 25_000;
/** Of another project, the oldest. */
const FEW = 50;
/** Of the only ones that were terminated: the newest and the oldest but one, and one on each side of where a page ends. */
const TERMINATED = [SESSIONS, 15_001, 15_000, 2];

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
  await stack.database.query(
    `INSERT INTO sessions (id, project_hash, flow, state, model, key_fingerprint, lease_token_hash, lease_seconds,
      lease_expires_at, ends_at, opened_at, activated_at, ended_at)
    SELECT 'ses_' || lpad(n::text, 26, '0'), CASE WHEN n <= $3 THEN 'of-few' ELSE 'x' END, 'vault',
      CASE WHEN n = ANY ($2::integer[]) THEN 'terminated' ELSE 'released' END, 'm', 'x', '', 1, t, t, t, t, t
    FROM generate_series(1, $1::integer) n, LATERAL (SELECT now() AS t) AS times`,
    [SESSIONS, TERMINATED, FEW],
  );
  await stack.database.query('ANALYZE sessions');
});
afterAll(async () => {
  await stack.stop();
});

const idOf = (n: number): string => `ses_${String(n).padStart(26, '0')}`;

/** The ids on each page. */
async function pagesOf(query: string): Promise<string[][]> {
  const pages: string[][] = [];
  let cursor: string | null = '';
  while (cursor !== null && pages.length < 100) {
    const { status, json } = await stack.admin(`/sessions?${query}${cursor && `&cursor=${cursor}`}`);
    expect(status).toBe(200);
    pages.push((json.sessions as { session_id: string }[]).map(({ session_id: id }) => id));
    cursor = json.next_cursor as string | null;
  }
  return pages;
}

it('looks at a part of them for a page of a rare state, and goes on on the next', async () => {
  const [newest, before, at, oldest] = TERMINATED.map(idOf);
  expect(await pagesOf('state=terminated')).toEqual([[newest, before], [at], [oldest]]);
});

it('tells each of a rare state once also where pages are small', async () => {
  const pages = await pagesOf('state=terminated&limit=1');
  expect(pages.flat()).toEqual(TERMINATED.map(idOf));
});

it('has full pages of what is common', async () => {
  for (const query of ['state=released', 'limit=100']) {
    const { json } = await stack.admin(`/sessions?${query}`);
    expect(json.sessions).toHaveLength(100);
    expect(json.next_cursor).not.toBeNull();
  }
});

it.each(['force_custom_plan', 'force_generic_plan'])(
  'reads no more than that by a plan: %s',
  async (mode) => {
    const client = new pg.Client({ connectionString: stack.database.superuserUrl });
    await client.connect();
    try {
      await client.query(`SET plan_cache_mode = ${mode}`);
      await client.query(`PREPARE list (text, text, bigint) AS ${LIST.text}`);
      await client.query(`PREPARE of_project (text, text, bigint) AS ${LIST_NEWEST_OF_PROJECT.text}`);
      const scansOfA = async (statement: string): Promise<Scan[]> => {
        const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
          `EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE ${statement}`,
        );
        return scansOf(rows[0]!['QUERY PLAN'][0].Plan);
      };
      expect(await scansOfA("list (NULL, 'ses_z', 101)")).toEqual([{ index: 'sessions_pkey', rows: 101 }]);
      expect(await scansOfA("list ('terminated', 'ses_z', 101)")).toEqual([
        { index: 'sessions_pkey', rows: 10_000 },
      ]);
      for (const [project, most] of [
        ['x', 101],
        ['of-few', FEW],
      ] as const) {
        expect(await scansOfA(`of_project ('${project}', 'ses_z', 101)`)).toEqual([
          { index: 'sessions_live', rows: 0 },
          { index: 'sessions_of_project', rows: most },
        ]);
      }
    } finally {
      await client.end();
    }
  },
);

interface PlanNode {
  'Node Type': string;
  'Index Name'?: string;
  'Actual Rows': number;
  Plans?: PlanNode[];
}

interface Scan {
  index: string | undefined;
  rows: number;
}

/** What is read, and how much of it. */
function scansOf(plan: PlanNode): Scan[] {
  const within = (plan.Plans ?? []).flatMap(scansOf);
  return plan['Node Type'].endsWith('Scan') && plan.Plans === undefined
    ? [{ index: plan['Index Name'], rows: plan['Actual Rows'] }, ...within]
    : within;
}
