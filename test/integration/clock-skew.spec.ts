import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import { lapse, slotsTaken } from '../support/session-records.ts';
import { type Answer, ask, PROJECT, signToken, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const SKEW_MS = 10_000;
const LEASE_S = 60;
const CAP = 5;
const LIMITED = 'proj_limited';
const SINGLE = 'proj_single';
const JUMPING_CLOCK = new URL('../support/jumping-clock.ts', import.meta.url).href;

describe('replicas whose clocks are ten seconds ahead and ten behind', () => {
  let stack: Stack;
  let ahead: string;
  let behind: string;
  let startedAt: number;

  beforeAll(async () => {
    stack = await startStack({
      project: { session: { maxConcurrent: CAP, leaseSeconds: LEASE_S } },
      manifests: (baseUrl) => [
        aProject(baseUrl, LIMITED, { limits: { requests: 3, windowSeconds: 900 } }),
        aSecret(LIMITED, aKey()),
        aProject(baseUrl, SINGLE, { session: { maxConcurrent: 1 } }),
        aSecret(SINGLE, aKey()),
        aClient('acme', PROJECT),
      ],
    });
    startedAt = await databaseNow();
    const replica = async (aheadMs: number): Promise<string> => {
      const environment = {
        NODE_OPTIONS: `--import=${JUMPING_CLOCK}`,
        CLOCK_AHEAD_MS: String(aheadMs),
      };
      return (await stack.addService(environment)).url;
    };
    [ahead, behind] = await Promise.all([replica(SKEW_MS), replica(-SKEW_MS)]);
    // whose clock is right
    await stack.services[0]!.stop();
  });
  afterAll(() => stack.stop());
  afterEach(async () => {
    await stack.database.query(
      "UPDATE sessions SET lease_expires_at = clock_timestamp() WHERE state IN ('opening', 'active')",
    );
    await until('no slot is taken', async () => (await slotsTaken(stack.database)) === 0);
  });

  /** Milliseconds since the epoch. */
  const databaseNow = async (): Promise<number> => {
    const [row] = await stack.database.query<{ now: number }>(
      'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now',
    );
    return row!.now;
  };
  const open = (base: string, projectId = PROJECT, headers: Record<string, string> = {}): Promise<Answer> =>
    stack.request('/session', { base, body: { project_id: projectId }, headers });
  const both = (): [string, string][] => [
    [ahead, behind],
    [behind, ahead],
  ];
  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

  it('really differ', async () => {
    const times = await Promise.all(
      [ahead, behind].map(async (base) => {
        const { json } = await stack.admin('/clients/acme/token', { base, body: {} });
        const claims = (json.access_token as string).split('.')[1]!;
        return (JSON.parse(Buffer.from(claims, 'base64url').toString()) as { iat: number }).iat;
      }),
    );
    expect(times[0]! - times[1]!).toBeGreaterThanOrEqual((2 * SKEW_MS) / 1_000 - 2);
  });

  it('grant and renew leases by the database’s clock', async () => {
    for (const [one, other] of both()) {
      const { json } = await open(one);
      const path = `/session/${json.session_id}`;
      const renewed = await ask(`${other}${path}/heartbeat`, {
        method: 'POST',
        headers: bearer(json.lease_token as string),
      });
      const left = [json, renewed.json].map(
        ({ lease_expires_at: end }) => (end as number) - startedAt / 1_000,
      );
      const elapsed = ((await databaseNow()) - startedAt) / 1_000;
      for (const seconds of left) {
        expect(seconds).toBeLessThanOrEqual(elapsed + LEASE_S);
        expect(seconds).toBeGreaterThan(elapsed + LEASE_S - 3);
      }
    }
  });

  it('end a lease neither early nor late', async () => {
    for (const [one, other] of both()) {
      const { json } = await open(one, SINGLE);
      const path = `/session/${json.session_id}`;
      await stack.database.query(
        "UPDATE sessions SET lease_expires_at = clock_timestamp() + interval '2 seconds' WHERE id = $1",
        [json.session_id],
      );
      expect((await stack.admin(path, { base: other })).json.state).toBe('active');
      expect((await open(other, SINGLE)).status).toBe(429);
      await until('the slot is free', async () => (await open(other, SINGLE)).status === 200, 5_000);
      for (const base of [one, other]) {
        expect((await stack.admin(path, { base })).json.state).toBe('expired');
      }
      const early = await stack.database.query('SELECT FROM sessions WHERE ended_at < lease_expires_at');
      expect(early).toEqual([]);
      const { json: list } = await stack.admin(`/sessions?project_id=${SINGLE}&state=active`, { base: one });
      for (const { session_id: id } of list.sessions) await lapse(stack.database, id as string);
    }
  });

  it('admit as many sessions together as there are slots', async () => {
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) => open(index % 2 === 0 ? ahead : behind)),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(CAP);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
  });

  it('count in one window, and tell the same end of it', async () => {
    const answers = [
      await open(ahead, LIMITED),
      await open(behind, LIMITED),
      await open(ahead, LIMITED),
      await open(behind, LIMITED),
      await open(ahead, LIMITED),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
    expect(new Set(answers.map(({ headers }) => headers.get('x-ratelimit-reset'))).size).toBe(1);
    const now = await databaseNow();
    for (const { json, headers } of answers.slice(3)) {
      const wait = json.resetAt - now / 1_000;
      expect(wait).toBeGreaterThan(880);
      expect(wait).toBeLessThanOrEqual(901);
      expect(Math.abs(Number(headers.get('retry-after')) - wait)).toBeLessThan(3);
    }
  });

  it('take each other’s tokens, and those that are within the allowed skew for both', async () => {
    for (const [one, other] of both()) {
      const { json } = await stack.admin('/clients/acme/token', { base: one, body: {} });
      const headers = bearer(json.access_token as string);
      expect((await ask(`${other}/session`, { body: {}, headers })).status).toBe(200);
    }
    const now = Math.floor(Date.now() / 1_000);
    const statuses = async (claims: Record<string, number>): Promise<number[]> => {
      const token = await signToken(stack.jwtSecret, { sub: 'acme', iat: now - 600, ...claims });
      const answers = [ahead, behind].map((base) =>
        ask(`${base}/session`, { body: {}, headers: bearer(token) }),
      );
      return (await Promise.all(answers)).map(({ status }) => status);
    };
    // 30 s of skew are allowed: ten of them are the replica's own
    expect(await statuses({ exp: now - 15 })).toEqual([200, 200]);
    expect(await statuses({ exp: now - 45 })).toEqual([401, 401]);
  });

  it('replay an answer for 24 hours by the database’s clock', async () => {
    for (const [index, [one, other]] of both().entries()) {
      const headers = { 'idempotency-key': `key-${index}` };
      const { json } = await open(one, PROJECT, headers);
      const age = (seconds: number): Promise<unknown> =>
        stack.database.query(
          `UPDATE idempotency SET created_at = clock_timestamp() - interval '24 hours' - make_interval(secs => $2)
           WHERE session_id = $1`,
          [json.session_id, seconds],
        );
      await age(-5);
      for (const base of [one, other]) {
        const replay = await open(base, PROJECT, headers);
        expect([replay.status, replay.json.session_id]).toEqual([200, json.session_id]);
        expect(replay.headers.get('idempotency-replayed')).toBe('true');
      }
      await age(5);
      const anew = await open(other, PROJECT, headers);
      expect(anew.status).toBe(200);
      expect(anew.json.session_id).not.toBe(json.session_id);
    }
  });

  it('record everything at the database’s time', async () => {
    await open(ahead);
    await open(behind);
    const now = await databaseNow();
    const [row] = await stack.database.query<{ first: Date; last: Date; events: string }>(
      'SELECT min(time) AS first, max(time) AS last, count(*) AS events FROM audit_events',
    );
    expect(Number(row!.events)).toBeGreaterThan(10);
    expect(row!.first.getTime()).toBeGreaterThanOrEqual(Math.floor(startedAt));
    expect(row!.last.getTime()).toBeLessThanOrEqual(now);
    const wrong = await stack.database.query(
      `SELECT id FROM sessions WHERE activated_at < opened_at OR ended_at < opened_at
         OR opened_at NOT BETWEEN to_timestamp($1) AND to_timestamp($2)`,
      [startedAt / 1_000, now / 1_000],
    );
    expect(wrong).toEqual([]);
  });
});
