import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import { type Answer, type RequestOptions, startStack, type Stack } from '../support/stack.ts';

type Spec = Record<string, unknown>;

const ROOM = { session: { maxConcurrent: 1000 } };
/** Each test has a project of its own, since what it uses up stays used up. */
const PROJECTS: Record<string, Spec> = {
  proj_window: { ...ROOM, limits: { requests: 3, windowSeconds: 60 } },
  proj_renewed: { ...ROOM, limits: { requests: 2, windowSeconds: 60 } },
  proj_fields: { ...ROOM, limits: { requests: 10, windowSeconds: 60 } },
  proj_failing: { ...ROOM, limits: { requests: 10, windowSeconds: 60 } },
  proj_address: {
    ...ROOM,
    access: { perAddress: { requests: 2, windowSeconds: 30 } },
    limits: { requests: 1000, windowSeconds: 900 },
  },
  proj_shared: { ...ROOM, limits: { requests: 2, windowSeconds: 60, sessionsPerMonth: 2 } },
  proj_quota: { ...ROOM, limits: { sessionsPerMonth: 2 } },
  proj_month: { ...ROOM, limits: { sessionsPerMonth: 1 } },
  proj_refund: { ...ROOM, limits: { sessionsPerMonth: 2 } },
  proj_none: { ...ROOM, limits: { sessionsPerMonth: 0 } },
  proj_vault: { session: { maxConcurrent: 3 }, access: { maxConcurrent: 1 } },
  proj_both: { session: { maxConcurrent: 2 } },
  proj_clients: { session: { maxConcurrent: 3 } },
  proj_order: {
    session: { maxConcurrent: 1 },
    limits: { requests: 3, windowSeconds: 60, sessionsPerMonth: 2 },
  },
};

const CLIENTS: Record<string, [string, Spec?]> = {
  windowed: ['proj_clients', { limits: { requests: 2, windowSeconds: 60 } }],
  unwindowed: ['proj_clients'],
  sharing: ['proj_shared'],
  metered: ['proj_shared', { limits: { sessionsPerMonth: 1 } }],
  single: ['proj_clients', { maxConcurrent: 1 }],
  broad: ['proj_vault'],
  mixed: ['proj_both'],
};

describe('limits', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({
      environment: { VESTIBULE_TRUST_PROXY: '127.0.0.0/8' },
      manifests: (baseUrl) => [
        ...Object.entries(PROJECTS).flatMap(([id, spec]) => [
          aProject(baseUrl, id, spec),
          aSecret(id, aKey()),
        ]),
        ...Object.entries(CLIENTS).map(([id, [project, spec]]) => aClient(id, project, spec)),
      ],
    });
  });
  afterAll(async () => {
    await stack.stop();
  });

  const open = (projectId: string, options: RequestOptions = {}): Promise<Answer> =>
    stack.request('/session', { body: { project_id: projectId }, ...options });
  const openFrom = (projectId: string, address: string): Promise<Answer> =>
    open(projectId, { headers: { 'x-forwarded-for': address } });
  const openAs = async (client: string): Promise<Answer> =>
    stack.request('/session', {
      method: 'POST',
      headers: { authorization: `Bearer ${await stack.token(client)}` },
    });
  const end = async ({ json }: Answer): Promise<void> => {
    expect((await stack.admin(`/sessions/${json.session_id}`, { method: 'DELETE' })).status).toBe(204);
  };
  const outcome = ({ status, json }: Answer): string => (status === 200 ? 'opened' : (json.error as string));
  const inTurn = async (count: number, attempt: () => Promise<Answer>): Promise<Answer[]> => {
    const answers: Answer[] = [];
    while (answers.length < count) answers.push(await attempt());
    return answers;
  };
  const limitOf = ({ headers }: Answer): number[] =>
    ['limit', 'remaining', 'reset'].map((name) => Number(headers.get(`x-ratelimit-${name}`)));
  const now = (): number => Date.now() / 1000;
  const waitOf = ({ headers }: Answer): number => Number(headers.get('retry-after'));

  describe('of a window', () => {
    it('count a project’s requests, and every answer tells what is left until when', async () => {
      const answers = await inTurn(4, () => open('proj_window'));
      expect(answers.map(outcome)).toEqual(['opened', 'opened', 'opened', 'rate_limited']);
      const [, , reset] = limitOf(answers[0]!);
      expect(Math.abs(reset! - now() - 60)).toBeLessThanOrEqual(2);
      expect(answers.map(limitOf)).toEqual([2, 1, 0, 0].map((remaining) => [3, remaining, reset]));
      const refused = answers[3]!;
      expect(refused.status).toBe(429);
      expect(refused.json.resetAt).toBe(reset);
      expect(Math.abs(now() + waitOf(refused) - reset!)).toBeLessThanOrEqual(2);
    });

    it('begin with the first counted request and are over together', async () => {
      await inTurn(3, () => open('proj_renewed'));
      await stack.database.query(
        `UPDATE limit_windows SET started_at = started_at - interval '59 seconds' WHERE scope = 'project'
         AND subject = (SELECT project_hash FROM sessions ORDER BY opened_at DESC LIMIT 1)`,
      );
      const refused = await open('proj_renewed');
      expect(outcome(refused)).toBe('rate_limited');
      expect(waitOf(refused)).toBeLessThanOrEqual(2);
      await stack.database.query(
        `UPDATE limit_windows SET started_at = started_at - interval '1 second' WHERE scope = 'project'
         AND subject = (SELECT project_hash FROM sessions ORDER BY opened_at DESC LIMIT 1)`,
      );
      const [first, second, third] = await inTurn(3, () => open('proj_renewed'));
      expect([first, second, third].map((answer) => outcome(answer!))).toEqual([
        'opened',
        'opened',
        'rate_limited',
      ]);
      expect(Math.abs(limitOf(first!)[2]! - now() - 60)).toBeLessThanOrEqual(2);
    });

    it('hold for each address of the vault flow apart, IPv6 by its /64', async () => {
      const addresses = [
        '192.0.2.1',
        '192.0.2.1',
        '192.0.2.1',
        '192.0.2.2',
        '2001:db8::1',
        '2001:db8::2',
        '2001:db8::3',
      ];
      const answers: Answer[] = [];
      for (const address of [...addresses, '2001:db8:0:1::1'])
        answers.push(await openFrom('proj_address', address));
      expect(answers.map(outcome)).toEqual([
        ...['opened', 'opened', 'rate_limited', 'opened'],
        ...['opened', 'opened', 'rate_limited', 'opened'],
      ]);
      const refused = answers[2]!;
      expect(limitOf(refused).slice(0, 2)).toEqual([2, 0]);
      expect(waitOf(refused)).toBeGreaterThanOrEqual(28);
      expect(waitOf(refused)).toBeLessThanOrEqual(30);
      expect(refused.json.resetAt).toBe(limitOf(refused)[2]);
    });

    it('do not let an address that used up its own use up its project’s', async () => {
      const before = limitOf(await openFrom('proj_address', '198.51.100.1'))[1]!;
      await inTurn(5, () => openFrom('proj_address', '198.51.100.1'));
      expect(limitOf(await openFrom('proj_address', '198.51.100.2'))[1]).toBe(before - 2);
    });

    it('count a client’s requests, apart from other clients', async () => {
      const answers = await inTurn(3, () => openAs('windowed'));
      expect(answers.map(outcome)).toEqual(['opened', 'opened', 'rate_limited']);
      expect(answers.map((answer) => limitOf(answer).slice(0, 2))).toEqual([
        [2, 1],
        [2, 0],
        [2, 0],
      ]);
      const other = await openAs('unwindowed');
      expect(outcome(other)).toBe('opened');
      for (const answer of [answers[0]!, answers[1]!, other]) await end(answer);
    });

    it('and quotas of a project do not count its clients’ requests', async () => {
      await inTurn(3, () => openAs('sharing'));
      expect((await inTurn(3, () => open('proj_shared'))).map(outcome)).toEqual([
        'opened',
        'opened',
        'rate_limited',
      ]);
      expect(outcome(await openAs('sharing'))).toBe('opened');
    });

    it('count no request whose fields are refused, nor one without credentials', async () => {
      const [, before] = limitOf(await open('proj_fields'));
      const refused = await open('proj_fields', { body: { project_id: 'proj_fields', model: 7 } });
      expect(refused.status).toBe(400);
      expect(refused.headers.get('x-ratelimit-limit')).toBeNull();
      await open('proj_fields', { headers: { 'idempotency-key': 'x'.repeat(256) } });
      await open('proj_fields', { headers: { 'x-openai-api-key': '' } });
      expect(limitOf(await open('proj_fields'))[1]).toBe(before! - 1);
    });

    it('count a request that the provider fails, and its answer tells so', async () => {
      const [, before] = limitOf(await open('proj_failing'));
      stack.simulator.fault({ kind: 'status', status: 500, times: 1 });
      const failed = await open('proj_failing');
      expect(failed.status).toBe(502);
      expect(limitOf(failed).slice(0, 2)).toEqual([10, before! - 1]);
    });
  });

  describe('of a month', () => {
    const firstOfNextMonth = (): number => {
      const date = new Date();
      return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1) / 1000;
    };

    it('refuse what is beyond a project’s quota until the next month begins in UTC', async () => {
      const answers = await inTurn(3, () => open('proj_quota'));
      expect(answers.map(outcome)).toEqual(['opened', 'opened', 'quota_exceeded']);
      const refused = answers[2]!;
      expect(refused.status).toBe(429);
      expect(refused.json.resetAt).toBe(firstOfNextMonth());
      expect(Math.abs(now() + waitOf(refused) - firstOfNextMonth())).toBeLessThanOrEqual(2);
    });

    it('are a client’s own', async () => {
      expect((await inTurn(2, () => openAs('metered'))).map(outcome)).toEqual(['opened', 'quota_exceeded']);
    });

    it('do not come back when a session ends, but with the next month', async () => {
      await end(await open('proj_month'));
      expect(outcome(await open('proj_month'))).toBe('quota_exceeded');
      await stack.database.query(
        `UPDATE quotas SET month = (month - interval '1 month')::date
         WHERE subject = (SELECT project_hash FROM sessions ORDER BY opened_at DESC LIMIT 1)`,
      );
      expect(outcome(await open('proj_month'))).toBe('opened');
    });

    it('are given back when no secret was minted', async () => {
      stack.simulator.fault({ kind: 'status', status: 500, times: 3 });
      const answers = await inTurn(6, () => open('proj_refund'));
      expect(answers.map(outcome)).toEqual([
        ...['provider_error', 'provider_error', 'provider_error'],
        ...['opened', 'opened', 'quota_exceeded'],
      ]);
    });

    it('of none refuse the first session', async () => {
      expect(outcome(await open('proj_none'))).toBe('quota_exceeded');
    });
  });

  describe('of slots', () => {
    it('are shared by both flows', async () => {
      const first = await open('proj_both');
      const second = await openAs('mixed');
      expect([first, second].map(outcome)).toEqual(['opened', 'opened']);
      for (const refused of [await open('proj_both'), await openAs('mixed')]) {
        expect([refused.status, outcome(refused)]).toEqual([429, 'concurrency_limit_exceeded']);
        const wait = Math.min(first.json.lease_expires_at, second.json.lease_expires_at) - now();
        expect(Math.abs(waitOf(refused) - wait)).toBeLessThanOrEqual(2);
        expect(Math.abs(refused.json.resetAt - now() - wait)).toBeLessThanOrEqual(2);
      }
      await end(first);
      expect(outcome(await openAs('mixed'))).toBe('opened');
    });

    it('hold the bare project_id back before the project’s clients', async () => {
      expect((await inTurn(2, () => open('proj_vault'))).map(outcome)).toEqual([
        'opened',
        'concurrency_limit_exceeded',
      ]);
      expect((await inTurn(3, () => openAs('broad'))).map(outcome)).toEqual([
        'opened',
        'opened',
        'concurrency_limit_exceeded',
      ]);
    });

    it('hold a client to its own, though the project has more', async () => {
      const [first, refused] = await inTurn(2, () => openAs('single'));
      expect([first, refused].map((answer) => outcome(answer!))).toEqual([
        'opened',
        'concurrency_limit_exceeded',
      ]);
      const other = await openAs('unwindowed');
      expect(outcome(other)).toBe('opened');
      await end(first!);
      const again = await openAs('single');
      expect(outcome(again)).toBe('opened');
      for (const answer of [other, again]) await end(answer);
    });
  });

  it('are asked in the order rate, quota, slot, and what is refused later takes nothing of what is asked earlier but the rate', async () => {
    const first = await open('proj_order');
    const full = await open('proj_order');
    await end(first);
    const last = await open('proj_order');
    expect([first, full, last].map(outcome)).toEqual(['opened', 'concurrency_limit_exceeded', 'opened']);
    expect(outcome(await open('proj_order'))).toBe('rate_limited');
    await stack.database.query(
      `UPDATE limit_windows SET used = 0 WHERE scope = 'project'
       AND subject = (SELECT project_hash FROM sessions ORDER BY opened_at DESC LIMIT 1)`,
    );
    expect(outcome(await open('proj_order'))).toBe('quota_exceeded');
  });
});
