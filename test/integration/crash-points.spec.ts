import { type Play, type Point, POINTS } from '../support/crash-points.ts';
import { addReplica, type Scene, startTheatre, type Theatre } from '../support/scenes.ts';
import { runProgram } from '../support/service-process.ts';
import { lapse, mostAtOnce } from '../support/session-records.ts';
import type { Answer } from '../support/stack.ts';
import { until } from '../support/until.ts';

const CAP = 2;
const LEASE_S = 15;
/** Between the end of a lease and its being seen. */
const SEEN_MS = 1_000;
/** Starting all victims at once would take longer than each may take. */
const STARTED_AT_ONCE = 3;
const KEY = { 'idempotency-key': 'once' };
const JUMPING_CLOCK = new URL('../support/jumping-clock.ts', import.meta.url).href;

/** Of those points, how many come after an answer. */
const GIVEN = 7;

interface Outcome {
  answers: Answer[];
  left: Point['leaves'];
  /** By another replica, as soon as the process was dead. */
  atOnce: number;
  /** And one after the other when its leases were over. */
  statuses: number[];
  heldMs: number;
}

async function play({ reach }: Point, scene: Scene, theatre: Theatre): Promise<() => Promise<Outcome>> {
  const { stack } = theatre;
  const victim = await addReplica(stack, { NODE_OPTIONS: `--import=${JUMPING_CLOCK}` });
  const answers: Answer[] = [];
  const unlock: Play['unlock'] = [];
  try {
    await reach({ theatre, scene, victim, answers, unlock });
  } finally {
    victim.service.kill('SIGKILL');
    await victim.service.exited;
    await victim.database.stop();
    for (const free of unlock) await free();
  }
  const killedAt = performance.now();
  return async () => {
    const left = await leftBy(scene, theatre);
    const open = (): Promise<Answer> => stack.request('/session', { body: { project_id: scene.projectId } });
    const next = await open();
    await until('its leases are over', () => allLapsed(theatre, left.ids), (LEASE_S + 5) * 1_000);
    const heldMs = performance.now() - killedAt;
    await stack.admin(`/sessions/${next.json.session_id}`, { method: 'DELETE' });
    const statuses = [(await open()).status, (await open()).status, (await open()).status];
    return {
      answers,
      left: { ...left.counts, rows: left.ids.length },
      atOnce: next.status,
      statuses,
      heldMs,
    };
  };
}

async function leftBy(
  { fingerprint }: Scene,
  { stack }: Theatre,
): Promise<{ ids: string[]; counts: { requests: number; mints: number } }> {
  const rows = await stack.database.query<{ id: string }>(
    'SELECT id FROM sessions WHERE key_fingerprint = $1',
    [fingerprint],
  );
  const tally = stack.simulator.seen().by_key[fingerprint];
  return {
    ids: rows.map(({ id }) => id),
    counts: { requests: tally?.requests ?? 0, mints: tally?.minted ?? 0 },
  };
}

async function allLapsed({ stack }: Theatre, ids: string[]): Promise<boolean> {
  const rows = await stack.database.query(
    `SELECT FROM sessions WHERE id = ANY ($1) AND state IN ('opening', 'active')
       AND lease_expires_at > clock_timestamp()`,
    [ids],
  );
  return rows.length === 0;
}

describe('a process that is killed', () => {
  let theatre: Theatre;
  const outcomes = new Map<string, Promise<Outcome>>();

  beforeAll(async () => {
    theatre = await startTheatre(
      POINTS.map(({ name }) => name),
      { session: { maxConcurrent: CAP, secretTtlSeconds: 10, leaseSeconds: LEASE_S } },
    );
    const waiting = [...POINTS];
    const work = async (): Promise<void> => {
      for (let point = waiting.shift(); point !== undefined; point = waiting.shift()) {
        const killed = play(point, theatre.scenes.get(point.name)!, theatre);
        const outcome = killed.then((judge) => judge());
        // Told by the test of that name.
        outcome.catch(() => undefined);
        outcomes.set(point.name, outcome);
        await killed.catch(() => undefined);
      }
    };
    await Promise.all(Array.from({ length: STARTED_AT_ONCE }, work));
  }, 90_000);
  afterAll(() => theatre.stop());

  it.each(POINTS)('$name costs one lease at most', async ({ name, leaves }) => {
    const { left, atOnce, statuses, heldMs } = await outcomes.get(name)!;
    expect(left).toEqual(leaves);
    expect(atOnce).toBe(200);
    expect(statuses).toEqual([200, 200, 429]);
    expect(heldMs).toBeLessThan(LEASE_S * 1_000 + SEEN_MS);
  });

  it('leaves no more sessions than there are slots, at no instant', async () => {
    await Promise.all(outcomes.values());
    expect(await mostAtOnce(theatre.stack.database)).toBe(CAP);
  });

  it('has given nobody a session that is not recorded', async () => {
    const all = await Promise.all(outcomes.values());
    const given = all.flatMap(({ answers }) => answers.map(({ json }) => json.session_id as string));
    expect(given).toHaveLength(GIVEN);
    const rows = await theatre.stack.database.query<{ id: string }>(
      `SELECT s.id FROM sessions s WHERE s.id = ANY ($1) AND activated_at IS NOT NULL
         AND EXISTS (SELECT FROM audit_events e WHERE e.session_id = s.id AND e.event = 'session_created')`,
      [given],
    );
    expect(rows.map(({ id }) => id).sort()).toEqual(given.sort());
  });

  it('has used no key without an earlier record', async () => {
    await Promise.all(outcomes.values());
    const { log } = theatre.stack.simulator.seen();
    for (const { fingerprint } of theatre.scenes.values()) {
      const loads = await theatre.stack.database.query<{ at: Date }>(
        `SELECT time AS at FROM audit_events WHERE event = 'vault_key_loaded'
           AND detail->>'key_fingerprint' = $1 ORDER BY time`,
        [fingerprint],
      );
      const uses = log.filter(({ key_fingerprint: key }) => key === fingerprint).map(({ at }) => at);
      expect(uses.length).toBeGreaterThan(0);
      const unrecorded = uses
        .sort()
        .filter((at, index) => !(loads[index] && loads[index].at.getTime() <= at));
      expect(unrecorded).toEqual([]);
    }
  });

  it('has recorded what was committed and nothing else, in chains that are whole', async () => {
    await Promise.all(outcomes.values());
    const refusals = await theatre.stack.database.query(
      "SELECT FROM audit_events WHERE event = 'auth_rejected'",
    );
    expect(refusals).toHaveLength(1);
    const torn = await theatre.stack.database.query(
      `SELECT id FROM sessions s WHERE NOT EXISTS (
         SELECT FROM audit_events e WHERE e.session_id = s.id AND e.event = 'vault_key_loaded')
       OR (ended_at IS NULL) <> NOT EXISTS (SELECT FROM audit_events e WHERE e.session_id = s.id
         AND e.event IN ('session_released', 'session_expired', 'session_terminated', 'session_error'))`,
    );
    expect(torn).toEqual([]);
    const { code, stdout } = await runProgram(['audit', 'verify'], theatre.stack.environment);
    expect([code, stdout]).toEqual([0, expect.any(String)]);
  });
});

describe('a process that is killed while it sweeps', () => {
  let theatre: Theatre;
  beforeEach(async () => {
    theatre = await startTheatre(['before', 'after'], { session: { maxConcurrent: 1 } });
  });
  afterEach(() => theatre.stop());

  it.each(['before', 'after'] as const)(
    'leaves the lapsed session to another, %s its end is committed',
    async (where) => {
      const { stack, scenes } = theatre;
      const body = { project_id: scenes.get(where)!.projectId };
      const { json } = await stack.request('/session', { body });
      // Nobody else sweeps until the victim is dead.
      const other = await addReplica(stack);
      const idle = other.database.hold('before', 'expire_sessions');
      const [first] = stack.services.splice(0, 1);
      await Promise.all([first!.stop(), idle.reached]);
      await stack.database.query(
        "UPDATE sessions SET lease_expires_at = clock_timestamp() - interval '1 second' WHERE id = $1",
        [json.session_id],
      );
      const victim = await addReplica(stack);
      const hold = victim.database.hold(where, 'expire_sessions');
      await hold.reached;
      victim.service.kill('SIGKILL');
      await victim.service.exited;
      await victim.database.stop();
      idle.pass();
      expect((await other.request('/session', { body })).status).toBe(200);
      const expiries = await stack.database.query(
        "SELECT FROM audit_events WHERE session_id = $1 AND event = 'session_expired'",
        [json.session_id],
      );
      expect(expiries).toHaveLength(1);
      expect((await runProgram(['audit', 'verify'], stack.environment)).code).toBe(0);
      await other.database.stop();
    },
  );
});

describe('a client that asks again with its Idempotency-Key, after the process that it asked was killed', () => {
  let theatre: Theatre;
  beforeAll(async () => {
    theatre = await startTheatre(['reserve_sessions', 'activate_sessions'], {
      session: { maxConcurrent: 1 },
    });
  });
  afterAll(() => theatre.stop());

  const askAgain = (scene: Scene): Promise<Answer> =>
    theatre.stack.request('/session', { body: { project_id: scene.projectId }, headers: KEY });
  const killedAfter = async (statement: string): Promise<Scene> => {
    const scene = theatre.scenes.get(statement)!;
    const victim = await addReplica(theatre.stack);
    const hold = victim.database.hold('after', statement);
    victim.open(scene, KEY).catch(() => undefined);
    await hold.reached;
    victim.service.kill('SIGKILL');
    await victim.service.exited;
    await victim.database.stop();
    return scene;
  };

  it('is given the session that it never heard of, when that was recorded', async () => {
    const scene = await killedAfter('activate_sessions');
    const { status, headers, json } = await askAgain(scene);
    expect([status, headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    const path = `/session/${json.session_id}`;
    const lease = { authorization: `Bearer ${json.lease_token}` };
    expect((await theatre.stack.request(path, { headers: lease })).json.state).toBe('active');
    expect(theatre.stack.simulator.seen().by_key[scene.fingerprint]?.minted).toBe(1);
  });

  it('is refused while that one may still go on, and opens another when its lease is over', async () => {
    const scene = await killedAfter('reserve_sessions');
    expect((await askAgain(scene)).json.error).toBe('idempotency_conflict');
    const [row] = await theatre.stack.database.query<{ id: string }>(
      'SELECT id FROM sessions WHERE key_fingerprint = $1',
      [scene.fingerprint],
    );
    await lapse(theatre.stack.database, row!.id);
    const { status, headers } = await until('the claim is free', async () => {
      const answer = await askAgain(scene);
      return answer.status !== 409 && answer;
    });
    expect([status, headers.get('idempotency-replayed')]).toEqual([200, null]);
  });
});
