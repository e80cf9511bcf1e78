import { setTimeout as delay } from 'node:timers/promises';
import { everyCallerMet, type Met } from '../support/callers.ts';
import { type TestCluster, startTestCluster } from '../support/cluster.ts';
import type { HoldingProxy } from '../support/holding-proxy.ts';
import { startPostgresProxy } from '../support/postgres-proxy.ts';
import { PostgresServer } from '../support/postgres-server.ts';
import { runProgram } from '../support/service-process.ts';
import { mostAtOnce } from '../support/session-records.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const PROCESSES = 2;
const CALLERS = 12;
const CAP = 8;
/** Between two requests of a caller, so that refusals do not come by the thousand. */
const PACE_MS = 10;
/** From the moment that the new primary is there. */
const RECOVERY_MS = 5_000;

interface Given {
  sessionId: string;
  /** Whether the client was told that it is released. */
  released: boolean;
}

/** Callers of several processes, who open sessions and give them back, and remember what they were told. */
class Load {
  readonly given: Given[] = [];
  readonly statuses: Met[] = [];
  readonly #stack: Stack;
  readonly #callers: Promise<void>[];
  #stopped = false;

  constructor(stack: Stack) {
    this.#stack = stack;
    this.#callers = Array.from({ length: CALLERS }, (_, caller) => this.#call(caller));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#callers);
  }

  everyCallerMet(status: number, since: number): Promise<void> {
    return everyCallerMet(this.statuses, CALLERS, status, since);
  }

  async #call(caller: number): Promise<void> {
    const base = this.#stack.services[caller % PROCESSES]!.url;
    while (!this.#stopped) {
      const { status, json } = await this.#stack.request('/session', { base, body: { project_id: PROJECT } });
      this.statuses.push({ status, at: performance.now(), caller });
      if (status === 200) await this.#release(json, base);
      await delay(PACE_MS);
    }
  }

  async #release(json: Answer['json'], base: string): Promise<void> {
    const given: Given = { sessionId: json.session_id as string, released: false };
    this.given.push(given);
    await delay(PACE_MS);
    const headers = { authorization: `Bearer ${json.lease_token}` };
    const path = `/session/${given.sessionId}`;
    const { status } = await this.#stack.request(path, { base, method: 'DELETE', headers });
    given.released = status === 204;
  }
}

describe('a fail-over of the database', () => {
  let cluster: TestCluster;
  let proxy: HoldingProxy;
  let primary: PostgresServer;
  let stack: Stack;
  const servers = new Set<PostgresServer>();

  beforeAll(async () => {
    cluster = await startTestCluster();
    primary = await PostgresServer.behind(cluster.superuserUrl);
    servers.add(primary);
    proxy = await startPostgresProxy(cluster.superuserUrl);
    process.env['TEST_SUPERUSER_URL'] = proxy.through(cluster.superuserUrl);
    stack = await startStack({
      processes: PROCESSES,
      project: { session: { maxConcurrent: CAP, secretTtlSeconds: 10, leaseSeconds: 15 } },
    });
  });
  afterAll(async () => {
    await stack.stop();
    await proxy.stop();
    for (const server of servers) await server.stop();
    await cluster.stop();
  });

  /** A standby that has every commit before its client hears of it. */
  const followed = async (): Promise<PostgresServer> => {
    const standby = await primary.follow();
    servers.add(standby);
    await primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await primary.ask('SELECT pg_reload_conf()');
    await until('the standby is synchronous', async () => {
      const rows = await primary.ask("SELECT FROM pg_stat_replication WHERE sync_state = 'sync'");
      return rows.length === 1;
    });
    return standby;
  };
  const leadTo = async (standby: PostgresServer): Promise<number> => {
    await standby.ask('SELECT pg_promote()');
    proxy.leadTo(Number(new URL(standby.url).port));
    primary = standby;
    return performance.now();
  };
  const expectNothingLost = async (load: Load): Promise<void> => {
    const rows = await stack.database.query<{ id: string; ended: boolean; events: string[] }>(
      `SELECT s.id, s.ended_at IS NOT NULL AS ended,
         ARRAY(SELECT event FROM audit_events e WHERE e.session_id = s.id ORDER BY time, chain, seq) AS events
       FROM sessions s`,
    );
    const byId = new Map(rows.map((row) => [row.id, row]));
    expect(load.given.length).toBeGreaterThan(2 * CALLERS);
    const lost = load.given.filter(({ sessionId, released }) => {
      const row = byId.get(sessionId);
      return row === undefined || !row.events.includes('session_created') || (released && !row.ended);
    });
    expect(lost).toEqual([]);
    expect(rows.filter(({ events }) => events[0] !== 'vault_key_loaded')).toEqual([]);
    expect(rows.length).toBeGreaterThanOrEqual(stack.simulator.seen().mints);
    expect(await mostAtOnce(stack.database)).toBeLessThanOrEqual(CAP);
    expect((await runProgram(['audit', 'verify'], stack.environment)).code).toBe(0);
  };
  /** No refusal of the database's later than that. */
  const expectRecovery = async (load: Load, switchedAt: number): Promise<void> => {
    await load.everyCallerMet(200, switchedAt);
    await load.stop();
    const refused = load.statuses.filter(({ status }) => status === 503).map(({ at }) => at);
    expect(Math.max(switchedAt, ...refused) - switchedAt).toBeLessThan(RECOVERY_MS);
    expect(load.statuses.filter(({ status }) => ![200, 429, 503].includes(status))).toEqual([]);
  };

  it('from a primary that is dead loses nothing that was answered', async () => {
    const standby = await followed();
    const load = new Load(stack);
    await load.everyCallerMet(200, 0);
    await primary.crash();
    servers.delete(primary);
    proxy.drop();
    const switchedAt = await leadTo(standby);
    await expectRecovery(load, switchedAt);
    await expectNothingLost(load);
  }, 60_000);

  it('from a primary that is demoted and still answers lets go of it', async () => {
    const demoted = primary;
    const standby = await followed();
    const load = new Load(stack);
    await load.everyCallerMet(200, 0);
    await demoted.ask('ALTER SYSTEM SET default_transaction_read_only = on');
    await demoted.ask('SELECT pg_reload_conf()');
    await load.everyCallerMet(503, performance.now());
    // The connections that there are still lead to the old primary.
    const switchedAt = await leadTo(standby);
    await expectRecovery(load, switchedAt);
    await expectNothingLost(load);
    const answers = await Promise.all(
      Array.from({ length: CAP }, () => stack.request('/session', { body: { project_id: PROJECT } })),
    );
    expect(answers.filter(({ status }) => status === 503)).toEqual([]);
    for (const { json } of answers) await stack.admin(`/sessions/${json.session_id}`, { method: 'DELETE' });
  }, 60_000);

  it('from a primary that is demoted while nobody asks: the first who asks is served', async () => {
    const demoted = primary;
    const standby = await followed();
    await Promise.all(
      stack.services.flatMap(({ url }) =>
        Array.from({ length: 3 * CALLERS }, () => stack.admin('/sessions', { base: url })),
      ),
    );
    await demoted.ask('ALTER SYSTEM SET default_transaction_read_only = on');
    await demoted.ask('SELECT pg_reload_conf()');
    await leadTo(standby);
    for (const { url } of stack.services) {
      const { status, json } = await stack.request('/session', { base: url, body: { project_id: PROJECT } });
      expect(status).toBe(200);
      const ended = await stack.admin(`/sessions/${json.session_id}`, { base: url, method: 'DELETE' });
      expect(ended.status).toBe(204);
    }
  }, 60_000);
});
