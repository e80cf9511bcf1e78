import { addReplica, type Replica, type Scene, startTheatre, type Theatre } from '../support/scenes.ts';
import { eventsOf, slotsTaken } from '../support/session-records.ts';
import { runProgram } from '../support/service-process.ts';
import type { Answer } from '../support/stack.ts';
import { until } from '../support/until.ts';

/** Longer than what a slot may stay taken after a lost answer: the service frees it, not its lease. */
const LEASE_S = 60;
const FREED_MS = 5_000;

const WHERE = ['before', 'after'] as const;
const STATEMENTS = ['reserve_sessions', 'activate_sessions', 'end_sessions'] as const;
const CASES = STATEMENTS.flatMap((statement) =>
  WHERE.map((where) => ({ where, statement, name: `${where} ${statement}` })),
);

describe('a connection to the database that breaks', () => {
  let theatre: Theatre;
  let replica: Replica;

  beforeAll(async () => {
    theatre = await startTheatre(
      CASES.map(({ name }) => name),
      {
        session: { maxConcurrent: 1, secretTtlSeconds: 10, leaseSeconds: LEASE_S },
        limits: { requests: 1_000, windowSeconds: 900 },
      },
    );
    replica = await addReplica(theatre.stack);
  });
  afterAll(async () => {
    await theatre.stop();
    await replica.database.stop();
  });

  /** Every execution counts in the project's window: a statement that was sent again would have counted twice. */
  const countedOf = ({ headers }: Answer): number => 1_000 - Number(headers.get('x-ratelimit-remaining'));
  const sessionOf = async ({ fingerprint }: Scene): Promise<string | undefined> => {
    const [row] = await theatre.stack.database.query<{ id: string }>(
      'SELECT id FROM sessions WHERE key_fingerprint = $1 ORDER BY id LIMIT 1',
      [fingerprint],
    );
    return row?.id;
  };

  it.each(CASES.filter(({ statement }) => statement !== 'end_sessions'))(
    '$where the service hears of $statement: 503, the slot is free at once, nothing is done twice',
    async ({ where, statement, name }) => {
      const scene = theatre.scenes.get(name)!;
      const hold = replica.database.hold(where, statement);
      const asked = replica.open(scene);
      await hold.reached;
      const reserved = await sessionOf(scene);
      hold.cut();
      const { status, json, headers } = await asked;
      expect([status, json.error, headers.get('retry-after')]).toEqual([503, 'unavailable', '1']);
      await until('the slot is free', async () => (await slotsTaken(theatre.stack.database)) === 0, FREED_MS);
      if (reserved !== undefined) {
        const names = (await eventsOf(theatre.stack.database, reserved)).map(({ event }) => event);
        const created = statement === 'activate_sessions' && where === 'after' ? ['session_created'] : [];
        expect(names).toEqual(['vault_key_loaded', ...created, 'session_error']);
      }
      const next = await replica.open(scene);
      expect(next.status).toBe(200);
      expect(countedOf(next)).toBe(reserved === undefined ? 1 : 2);
      await theatre.stack.admin(`/sessions/${next.json.session_id}`, { method: 'DELETE' });
    },
  );

  it.each(CASES.filter(({ statement }) => statement === 'end_sessions'))(
    '$where the service hears of $statement: 503, and asked again it is done, once',
    async ({ where, statement, name }) => {
      const scene = theatre.scenes.get(name)!;
      const { json } = await replica.open(scene);
      const path = `/session/${json.session_id}`;
      const headers = { authorization: `Bearer ${json.lease_token}` };
      const hold = replica.database.hold(where, statement);
      const asked = replica.request(path, { method: 'DELETE', headers });
      await hold.reached;
      hold.cut();
      expect((await asked).status).toBe(503);
      expect((await replica.request(path, { method: 'DELETE', headers })).status).toBe(204);
      const names = (await eventsOf(theatre.stack.database, json.session_id as string)).map(
        ({ event }) => event,
      );
      expect(names).toEqual(['vault_key_loaded', 'session_created', 'session_released']);
      expect((await replica.open(scene)).status).toBe(200);
    },
  );

  it('leaves every chain whole', async () => {
    expect((await runProgram(['audit', 'verify'], theatre.stack.environment)).code).toBe(0);
  });
});
