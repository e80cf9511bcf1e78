import pg from 'pg';
import { STATS_COUNTS, STATS_LATENCY } from '../../src/stats/stats-queries.ts';
import { sessionIdAt } from '../../src/common/ids.ts';
import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import { lapse } from '../support/session-records.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { fingerprintOf } from '../simulator/simulator.ts';

const FAILING = 'proj_failing';
const HOUR_MS = 3_600_000;
const QUOTA = 50;

interface Step {
  time: string;
  live: number | null;
  attempts: number;
  opened: { vault: number; commercial: number };
  vault_hits: number;
  failed: Record<string, number>;
  ended: { released: number; expired: number; terminated: number };
  rejected: number;
  latency_ms: { p50: number; p95: number } | null;
}

describe('GET /stats', () => {
  let stack: Stack;
  const stats = (query = ''): Promise<Answer> => stack.admin(`/stats${query}`);
  const sum = (steps: Step[], of: (step: Step) => number): number =>
    steps.reduce((total, step) => total + of(step), 0);
  const open = (base: string, projectId = PROJECT): Promise<Answer> =>
    stack.request('/session', { body: { project_id: projectId }, base });

  beforeAll(async () => {
    const failingKey = aKey();
    stack = await startStack({
      processes: 2,
      project: { session: { maxConcurrent: 20 }, limits: { sessionsPerMonth: QUOTA } },
      manifests: (baseUrl) => [
        aProject(baseUrl, FAILING),
        aSecret(FAILING, failingKey),
        aClient('acme', PROJECT),
      ],
    });
    stack.simulator.fault({ kind: 'status', status: 500, key_fingerprint: fingerprintOf(failingKey) });
  });
  afterAll(async () => {
    await stack.stop();
  });

  it('has nothing but zeros before anything was done', async () => {
    const { status, json } = await stats();
    expect(status).toBe(200);
    expect([json.step, json.steps.length]).toEqual([30, expect.any(Number)]);
    expect(Date.parse(json.to) - Date.parse(json.from)).toBe(json.steps.length * 30_000);
    expect(json.totals).toMatchObject({ attempts: 0, vault_hit_ratio: 1, success_rate: null });
    expect(json.projects).toEqual([
      {
        project_id: PROJECT,
        attempts: 0,
        opened: 0,
        failed: 0,
        quota: expect.objectContaining({ used: 0, limit: QUOTA }),
      },
    ]);
    expect(json.audit.newest_head).toBeNull();
  });

  it('counts what was done at every replica', async () => {
    const [first, second] = stack.services.map(({ url }) => url) as [string, string];
    const sessions = await Promise.all([first, second, first, second, first].map((base) => open(base)));
    expect(sessions.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    const headers = { authorization: `Bearer ${await stack.token('acme')}` };
    for (const base of [first, second]) {
      expect((await stack.request('/session', { method: 'POST', headers, base })).status).toBe(200);
    }
    expect((await open(second, FAILING)).status).toBe(502);
    const ids = sessions.map(({ json }) => json.session_id as string);
    await stack.admin(`/session/${ids[0]!}`, { method: 'DELETE', base: second });
    await stack.admin(`/sessions/${ids[1]!}`, { method: 'DELETE' });
    await lapse(stack.database, ids[2]!);
    const rejecting = await stack.addService();
    for (let asked = 0; asked < 3; asked += 1)
      expect((await open(rejecting.url, 'proj_nobody')).status).toBe(401);
    // It writes what it has counted when it ends.
    await rejecting.stop();

    const { totals, steps, projects, audit } = await until('the lapsed lease is swept', async () => {
      const { json } = await stats();
      return json.totals.ended.expired === 1 ? json : undefined;
    });
    expect(totals).toMatchObject({
      attempts: 8,
      opened: { vault: 5, commercial: 2 },
      vault_hits: 7,
      vault_hit_ratio: 1,
      failed: { provider_error: 1 },
      ended: { released: 1, expired: 1, terminated: 1 },
      rejected: 3,
      success_rate: 7 / 8,
      error_share: 1 / 8,
    });
    expect(sum(steps, (step) => step.opened.vault)).toBe(5);
    expect(sum(steps, (step) => step.failed['provider_error'] ?? 0)).toBe(1);
    expect(sum(steps, (step) => step.rejected)).toBe(3);
    expect(steps.at(-1).live).toBe(4);
    expect(totals.latency_ms.p50).toBeGreaterThan(0);
    expect(totals.latency_ms.p95).toBeGreaterThanOrEqual(totals.latency_ms.p50);
    // Sessions of a client count against its own quota.
    expect(projects).toEqual([
      { project_id: FAILING, attempts: 1, opened: 0, failed: 1, quota: null },
      { project_id: PROJECT, attempts: 7, opened: 7, failed: 0, quota: expect.objectContaining({ used: 5 }) },
    ]);
    const [rows] = await stack.database.query<{ n: number; chains: number }>(
      'SELECT count(*)::integer AS n, count(DISTINCT chain)::integer AS chains FROM audit_events',
    );
    expect(audit).toMatchObject({ rows: rows!.n, chains: rows!.chains });
  });

  it('tells the same of a second that is over, and how many were live when it ended', async () => {
    const [bounds] = await stack.database.query<{ last: Date }>(
      `SELECT date_trunc('second', max(time)) AS last FROM audit_events`,
    );
    const from = new Date(bounds!.last.getTime() - 60_000).toISOString();
    const to = new Date(bounds!.last.getTime() + 1_000).toISOString();
    const { json } = await until('that second is over', async () => {
      const answer = await stats(`?from=${from}&to=${to}&step=1`);
      return answer.json.now > to ? answer : undefined;
    });
    expect(json.steps).toHaveLength(61);
    expect(sum(json.steps, (step) => step.opened.vault + step.opened.commercial)).toBe(7);
    const [held] = await stack.database.query<{ n: number }>(
      'SELECT count(*)::integer AS n FROM sessions WHERE opened_at < $1 AND (ended_at IS NULL OR ended_at >= $1)',
      [to],
    );
    expect(json.steps.at(-1).live).toBe(held!.n);
    expect(json.steps[0].live).toBeNull();
    const levels = await stack.database.query<{ live: number }>(
      `SELECT count(*) FILTER (WHERE event = 'vault_key_loaded')::integer - count(*) FILTER (WHERE event IN
          ('session_error', 'session_released', 'session_expired', 'session_terminated'))::integer AS live
        FROM generate_series($1::timestamptz, $2::timestamptz, interval '1 second') AS ending
          LEFT JOIN audit_events ON time < ending GROUP BY ending ORDER BY ending`,
      [new Date(Date.parse(from) + 1_000), to],
    );
    const told = (json.steps as Step[]).map(({ live }) => live ?? 0);
    expect(told).toEqual(levels.map(({ live }) => live));
    expect(Math.max(...told)).toBeGreaterThan(0);
  });

  it('has no past before the oldest row of the audit, and no future', async () => {
    const at = (ms: number): string => new Date(Date.now() + ms).toISOString();
    const { json } = await stats(`?from=${at(-24 * HOUR_MS)}&to=${at(24 * HOUR_MS)}&step=3600`);
    const live = (json.steps as Step[]).map((step) => step.live);
    expect([live[0], live.at(-1)]).toEqual([null, null]);
    expect(live.filter((level) => level !== null)).not.toEqual([]);
    expect(json.totals.attempts).toBe(8);
  });

  it.each([
    ['from=2025-01-02T00:00:00Z&to=2025-01-01T00:00:00Z', '/from'],
    ['from=2025-01-01T00:00:00Z&to=2025-01-01T00:00:00Z', '/from'],
    ['from=2025-01-01T00:00:00Z&to=2025-02-01T00:00:01Z', '/from'],
    ['from=2025-01-01T00:00:00Z&to=2025-01-02T00:00:00Z&step=60', '/step'],
    ['from=2999-01-01T00:00:00Z', '/from'],
    ['step=0', '/step'],
    ['step=86401', '/step'],
    ['step=1.5', '/step'],
    ['step=-1', '/step'],
    ['step=1&step=2', '/step'],
    ['step=1e3', '/step'],
    ['from=yesterday', '/from'],
    ['from=2025-02-30T99:00:00Z', '/from'],
    ["to=2025-01-01T00:00:00Z';DROP TABLE sessions;--", '/to'],
    ['to[]=2025-01-01T00:00:00Z', '/'],
    ['project_id=x', '/'],
  ])('refuses %s', async (query, path) => {
    const { status, json } = await stats(`?${query}`);
    expect([status, json.error]).toEqual([400, 'invalid_request']);
    expect((json.details as { path: string }[]).map((detail) => detail.path)).toContain(path);
  });

  it('takes 31 days, and chooses a step', async () => {
    const { status, json } = await stats('?from=2025-01-01T00:00:00%2B02:00&to=2025-02-01T00:00:00%2B02:00');
    expect([status, json.step, json.steps.length]).toEqual([200, 43_200, 63]);
    expect([json.from, json.to]).toEqual(['2024-12-31T12:00:00.000Z', '2025-02-01T00:00:00.000Z']);
  });

  it('reads by index what a short range needs, of many rows', async () => {
    // Rows as busy weeks would leave them; what is asked for is an hour.
    await stack.database.query('ALTER TABLE audit_events DISABLE TRIGGER USER');
    await stack.database.query(`INSERT INTO audit_events
      SELECT 'chn_filled', n, date_trunc('milliseconds', now() - n * interval '10 seconds'), 'session_created', 'x', NULL,
        'system', NULL, NULL, NULL, 'success', NULL, '{"flow": "vault", "key_fingerprint": "x"}', '', ''
      FROM generate_series(1, 100000) n`);
    await stack.database.query(
      `INSERT INTO sessions (id, project_hash, flow, state, model, key_fingerprint, lease_token_hash, lease_seconds,
        lease_expires_at, ends_at, opened_at, activated_at, ended_at)
      SELECT $1 || lpad(n::text, 10, '0'), 'x', 'vault', 'released', 'm', 'x', '', 1, t, t, t, t, t
      FROM generate_series(1, 50000) n, LATERAL (SELECT now() - n * interval '10 seconds' AS t) AS times`,
      [sessionIdAt(Date.now() - 200 * HOUR_MS)],
    );
    await stack.database.query('ANALYZE audit_events, sessions');
    const to = Date.now() - HOUR_MS;
    const [from, end] = [new Date(to - HOUR_MS), new Date(to)];
    const ids = [sessionIdAt(to - HOUR_MS), sessionIdAt(to)];
    for (const [{ text }, values, scanned] of [
      [STATS_COUNTS, [from, end, 30, 120, false, ...ids], ['audit_events_time', 'sessions_pkey']],
      [STATS_LATENCY, [from, end, 30, ...ids], ['sessions_pkey']],
    ] as const) {
      const [plan] = await stack.database.query<{ 'QUERY PLAN': unknown }>(`EXPLAIN (FORMAT JSON) ${text}`, [
        ...values,
      ]);
      const shown = JSON.stringify(plan!['QUERY PLAN']);
      for (const index of scanned) expect(shown).toContain(`"Index Name":"${index}"`);
      expect(shown).not.toMatch(/"Node Type":"Seq Scan"[^{}]*"Relation Name":"(audit_events|sessions)"/);
    }
    const { from: first, to: last, totals } = (await stats()).json;
    const filled = (Date.parse(last) - Date.parse(first)) / 10_000;
    expect(Math.abs(totals.opened.vault - 5 - filled)).toBeLessThanOrEqual(3);
  });

  const underWay = async (): Promise<number> => {
    const [row] = await stack.database.query<{ n: number }>(
      `SELECT count(*)::integer AS n FROM pg_stat_activity WHERE datname = current_database()
        AND pid <> pg_backend_pid() AND wait_event_type = 'Lock' AND query LIKE '%audit_events%'`,
    );
    return row!.n;
  };
  const whileLocked = async (work: () => Promise<void>): Promise<void> => {
    const client = new pg.Client({ connectionString: stack.database.superuserUrl });
    await client.connect();
    try {
      await client.query('BEGIN; LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE');
      await work();
    } finally {
      await client.end();
    }
  };

  it('answers all who ask the same at once, and turns away what is too much that is different', async () => {
    const same: Promise<Answer>[] = [];
    const different: Promise<Answer>[] = [];
    await whileLocked(async () => {
      same.push(...Array.from({ length: 30 }, () => stats()));
      await until('two are under way', async () => (await underWay()) === 2);
      // One of those that wait is the same for all; it is no reason to refuse others that a range is refused.
      different.push(stats('?from=2999-01-01T00:00:00Z'));
      different.push(...Array.from({ length: 18 }, (_, nth) => stats(`?step=${nth + 60}`)));
      const refused = await Promise.any(
        different.map(async (one) => ((await one).status === 503 ? one : Promise.reject(new Error('other')))),
      );
      expect(refused.json.error).toBe('unavailable');
      expect(await underWay()).toBe(2);
    });
    const statuses = async (asked: Promise<Answer>[]): Promise<number[]> =>
      (await Promise.all(asked)).map(({ status }) => status).sort();
    expect(await statuses(same)).toEqual(same.map(() => 200));
    expect(await statuses(different)).toEqual([...Array.from({ length: 16 }, () => 200), 400, 503, 503]);
  });

  it('is ended when it takes too long, which others that wait are not refused for', async () => {
    await whileLocked(async () => {
      const [one, two] = [stats(), stats()];
      await until('both are under way', async () => (await underWay()) === 2);
      const third = stats('?step=60');
      for (const { status, headers, json } of await Promise.all([one, two])) {
        expect([status, headers.get('retry-after')]).toEqual([503, '1']);
        expect(json.message).toContain('shorter');
      }
      await until('the third is under way', async () => (await underWay()) === 1);
      void third.catch(() => undefined);
    });
    expect((await stats()).status).toBe(200);
  });
});
