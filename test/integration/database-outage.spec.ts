import { setTimeout as delay } from 'node:timers/promises';
import { everyCallerMet, type Met } from '../support/callers.ts';
import { type TestCluster, startTestCluster } from '../support/cluster.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { slotsTaken } from '../support/session-records.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { type Answer, ask, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const CALLERS = 8;
/** Between two requests of a caller, so that refusals do not come by the thousand. */
const PACE_MS = 20;
const LEASE_S = 30;
const RECOVERY_MS = 5_000;

interface Outcome extends Met {
  retryAfter: string | null;
  sessionId: string | undefined;
}

/** Callers that open a session and give it back, over and over. */
class Load {
  readonly outcomes: Outcome[] = [];
  readonly #stack: Stack;
  readonly #callers: Promise<void>[];
  #stopped = false;

  constructor(stack: Stack) {
    this.#stack = stack;
    this.#callers = Array.from({ length: CALLERS }, (_, caller) => this.#call(caller));
  }

  async stop(): Promise<Outcome[]> {
    this.#stopped = true;
    await Promise.all(this.#callers);
    return this.outcomes;
  }

  everyCallerMet(status: number, since = 0): Promise<void> {
    return everyCallerMet(this.outcomes, CALLERS, status, since);
  }

  async #call(caller: number): Promise<void> {
    while (!this.#stopped) {
      const answer = await this.#stack.request('/session', { body: { project_id: PROJECT } });
      this.#note(caller, answer);
      if (answer.status === 200) {
        const path = `/session/${answer.json.session_id}`;
        const headers = { authorization: `Bearer ${answer.json.lease_token}` };
        await this.#stack.request(path, { method: 'DELETE', headers });
      }
      await delay(PACE_MS);
    }
  }

  #note(caller: number, { status, headers, json }: Answer): void {
    const sessionId = json?.session_id as string | undefined;
    const retryAfter = headers.get('retry-after');
    this.outcomes.push({ status, retryAfter, at: performance.now(), caller, sessionId });
  }
}

describe('while the database is away', () => {
  let cluster: TestCluster;
  let server: PostgresServer;
  let stack: Stack;

  beforeAll(async () => {
    cluster = await startTestCluster();
    server = await PostgresServer.behind(cluster.superuserUrl);
    // The shared server must go on for the other suites: this one takes its own away.
    process.env['TEST_SUPERUSER_URL'] = cluster.superuserUrl;
    stack = await startStack({
      project: { session: { maxConcurrent: 1000, secretTtlSeconds: 10, leaseSeconds: LEASE_S } },
    });
  });
  afterAll(async () => {
    server.resume();
    await stack.stop();
    await server.stop();
    await cluster.stop();
  });

  const expectServedWithoutDatabase = async (): Promise<void> => {
    for (const probe of ['/readyz', '/livez']) {
      expect((await ask(`${stack.opsUrl}${probe}`)).status).toBe(200);
    }
    expect((await stack.request('/health')).status).toBe(200);
    const refused = [
      await stack.request('/session', { body: { project_id: 'proj_unknown' } }),
      await stack.request('/session', { body: {} }),
      await stack.request('/session', { body: { project_id: PROJECT }, headers: { 'x-openai-api-key': '' } }),
      await stack.request('/session', { body: {}, headers: { authorization: 'Bearer x' } }),
    ];
    expect(refused.map(({ status, json }) => [status, json.error])).toEqual(
      refused.map(() => [401, 'unauthorized']),
    );
    expect((await stack.request('/session', { body: { project_id: PROJECT, model: 7 } })).status).toBe(400);
    const session = `/session/ses_${'0'.repeat(26)}`;
    const dependent = await Promise.all([
      stack.request(session, { headers: { authorization: 'Bearer lt_x' } }),
      stack.admin('/sessions'),
      stack.admin('/audit-logs'),
    ]);
    for (const { status, json, headers } of dependent) {
      expect([status, json.error, headers.get('retry-after')]).toEqual([503, 'unavailable', '1']);
    }
  };

  /** On the ops port, which nobody's load keeps from answering. */
  const databaseIsUp = async (): Promise<boolean> => {
    const { text } = await ask(`${stack.opsUrl}/metrics`);
    return /^database_up (\d)$/m.exec(text)?.[1] === '1';
  };

  const expectOnlyRefusals = (outcomes: Outcome[], backAt: number): void => {
    expect(new Set(outcomes.map(({ status }) => status))).toEqual(new Set([200, 503]));
    const refused = outcomes.filter(({ status }) => status === 503);
    expect(refused.filter(({ retryAfter }) => retryAfter !== '1')).toEqual([]);
    expect(Math.max(...refused.map(({ at }) => at))).toBeLessThan(backAt + RECOVERY_MS);
  };

  const expectNothingLost = async (outcomes: Outcome[]): Promise<void> => {
    const recorded = await stack.database.query<{
      id: string;
      loaded: boolean;
      created: boolean;
      activated: boolean;
    }>(
      `SELECT s.id, bool_or(e.event = 'vault_key_loaded') AS loaded, bool_or(e.event = 'session_created') AS created,
         activated_at IS NOT NULL AS activated
       FROM sessions s JOIN audit_events e ON e.session_id = s.id GROUP BY s.id`,
    );
    const byId = new Map(recorded.map(({ id, ...row }) => [id, row]));
    const granted = outcomes.flatMap(({ sessionId }) => (sessionId === undefined ? [] : [sessionId]));
    expect(granted.length).toBeGreaterThan(CALLERS);
    expect(granted.filter((id) => byId.get(id)?.created !== true)).toEqual([]);
    expect(await stack.database.query('SELECT FROM sessions')).toHaveLength(recorded.length);
    expect(recorded.filter(({ loaded, created, activated }) => !loaded || created !== activated)).toEqual([]);
    expect(recorded.length).toBeGreaterThanOrEqual(stack.simulator.seen().mints);
  };

  /** Instead of waiting for it: what is still taken lapses within one lease, and then it is free. */
  const expectFreeWithinOneLease = async (): Promise<void> => {
    const lapsing = `UPDATE sessions SET lease_expires_at = lease_expires_at - interval '${LEASE_S} seconds'`;
    await stack.database.query(`${lapsing} WHERE state IN ('opening', 'active')`);
    await until('every slot is free', async () => (await slotsTaken(stack.database)) === 0, 5_000);
  };

  /** Of a database that is back since then, under the load that went on all the time. */
  const expectRecovery = async (load: Load, backAt: number): Promise<void> => {
    await load.everyCallerMet(200, backAt);
    await until('it is said to be back', databaseIsUp);
    const outcomes = await load.stop();
    expectOnlyRefusals(outcomes, backAt);
    await expectNothingLost(outcomes);
    await expectFreeWithinOneLease();
  };

  it('stopped and started again: refuses with 503, serves the rest, and recovers by itself', async () => {
    const load = new Load(stack);
    await load.everyCallerMet(200);
    expect(await databaseIsUp()).toBe(true);
    const goneAt = performance.now();
    await server.stop();
    await load.everyCallerMet(503, goneAt);
    await expectServedWithoutDatabase();
    await until('it is said to be away', async () => !(await databaseIsUp()));
    const newcomer: ServiceProcess = await stack.addService();
    expect((await ask(`${newcomer.opsUrl}/livez`)).status).toBe(200);
    const sessions = await stack.admin(`/sessions?project_id=${PROJECT}`, { base: newcomer.url });
    expect(sessions.status).toBe(503);
    await server.start();
    const backAt = performance.now();
    await expectRecovery(load, backAt);

    await until(
      'who started meanwhile is ready',
      async () => (await ask(`${newcomer.opsUrl}/readyz`)).status === 200,
    );
    expect(performance.now() - backAt).toBeLessThan(RECOVERY_MS + 5_000);
    const { status } = await stack.request('/session', { body: { project_id: PROJECT }, base: newcomer.url });
    expect(status).toBe(200);
  });

  it('frozen and thawed: refuses with 503, serves the rest, and recovers by itself', async () => {
    const load = new Load(stack);
    await load.everyCallerMet(200);
    const goneAt = performance.now();
    await server.pause();
    await Promise.all([load.everyCallerMet(503, goneAt), expectServedWithoutDatabase()]);
    expect(await databaseIsUp()).toBe(false);
    server.resume();
    const backAt = performance.now();
    await expectRecovery(load, backAt);
  });
});
