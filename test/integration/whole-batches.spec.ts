import { createHash } from 'node:crypto';
import pg from 'pg';
import { type ReservedBatch, sharedOf, toAnswers } from '../../src/session/reservation-batch.ts';
import type { Reservation, ReservationAnswer } from '../../src/session/session-store.ts';
import { Random } from '../support/random.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const SEEDS = [1, 2];
const BATCHES = 120;
/** Some thousand statements a seed, on a machine that runs other suites as well. */
const TIMEOUT_MS = 120_000;
/** Batches after which what has lapsed is ended, and the tables are compared. */
const TABLES_EVERY = 4;
/** Rows of the largest tables that are then compared, the newest first. */
const NEWEST = 100;
const VERDICTS = [
  'concurrency_limit_exceeded',
  'idempotency_conflict',
  'quota_exceeded',
  'rate_limited',
  'replay',
  'reserved',
];
const SEALED = Buffer.from('abcdef5c5c00', 'hex');
const RESERVE = 'SELECT open_sessions($1, $2, $3, $4, NULL, $5) AS opened';

/** Everything that reservations write, without what only tells in which order a batch was written. */
const TABLES = [
  'SELECT * FROM project_slots ORDER BY project_hash',
  `SELECT * FROM sessions ORDER BY id DESC LIMIT ${NEWEST}`,
  'SELECT * FROM limit_windows ORDER BY scope, subject',
  'SELECT * FROM quotas ORDER BY subject, month',
  'SELECT * FROM idempotency ORDER BY key_hash',
  `SELECT chain, time, event, project_hash, actor, actor_kind, ip, outcome, session_id, detail FROM audit_events
    ORDER BY time DESC, event, session_id LIMIT ${NEWEST}`,
];

const hex = (text: string): string => createHash('sha256').update(text).digest('hex');
const eventOf = (name: string): Record<string, unknown> => ({
  event: name,
  outcome: 'success',
  actor: null,
  actor_kind: 'project',
  ip: '127.0.0.1',
  request_id: null,
  trace_id: null,
  detail: '{"a":1}',
});

interface Reserved {
  answers: ReservationAnswer[];
  expired: number;
  whole: boolean;
  seqs: number[];
}

/** A database whose clock a test sets. */
class World {
  readonly #client: pg.Client;

  private constructor(readonly database: TestDatabase) {
    this.#client = new pg.Client({ connectionString: database.ownerUrl });
  }

  static async open(): Promise<World> {
    const world = new World(await createTestDatabase());
    await world.#client.connect();
    await world.#client.query(`
      CREATE TABLE clock (at timestamptz NOT NULL);
      INSERT INTO clock VALUES ('2026-01-31T23:50:00.000123Z');
      CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT at FROM clock';
      SET search_path = public, pg_catalog;
      SET bytea_output = escape;`);
    return world;
  }

  async close(): Promise<void> {
    await this.#client.end();
    await this.database.drop();
  }

  async advance(seconds: number): Promise<void> {
    await this.#client.query('UPDATE clock SET at = at + make_interval(secs => $1)', [seconds]);
  }

  /** As the service does, or as if what the requests share could not be added up. */
  async reserve(items: Reservation[], walk: boolean): Promise<Reserved> {
    const { projects, shared } = sharedOf(items);
    const requests = items.map(({ event, ...item }) => ({ ...item, ...event }));
    const values = ['chn_reserve', projects, JSON.stringify(requests), walk ? null : shared, true];
    const { rows } = await this.#client.query<{
      opened: { reserved: ReservedBatch; lines: string[] };
    }>(RESERVE, values);
    const { reserved, lines } = rows[0]!.opened;
    return {
      answers: toAnswers(items, reserved),
      expired: reserved.expired ?? 0,
      whole: reserved.answers === undefined,
      seqs: lines.map((line) => (JSON.parse(line) as { seq: number }).seq),
    };
  }

  async activate(ids: string[]): Promise<void> {
    const items = ids.map((id) => ({
      session_id: id,
      lease_expires_at: 4_000_000_000,
      sealed_answer: SEALED.toString('hex'),
      ...eventOf('session_created'),
    }));
    const values = ['chn_act', JSON.stringify(items)];
    await this.#client.query('SELECT open_sessions($1, NULL, NULL, NULL, $2, false)', values);
  }

  async end(ids: string[], state: string): Promise<void> {
    const items = ids.map((id) => ({
      session_id: id,
      state,
      event: eventOf('session_released'),
    }));
    await this.#client.query('SELECT end_sessions($1, $2, false)', ['chn_end', JSON.stringify(items)]);
  }

  /** Ends what has lapsed: together, as the sweeper does, or each by its name. */
  async expire(together: boolean): Promise<void> {
    const { rows } = await this.#client.query<{ openings: string[] | null; actives: string[] }>(
      together
        ? `SELECT e->'openings' AS openings, '[]'::jsonb AS actives
            FROM expire_sessions('chn_expire', 200, false) AS e`
        : `SELECT coalesce(jsonb_agg(id) FILTER (WHERE state = 'opening'), '[]') AS openings,
             coalesce(jsonb_agg(id) FILTER (WHERE state = 'active'), '[]') AS actives
            FROM sessions WHERE ended_at IS NULL AND lease_expires_at <= clock_timestamp()`,
    );
    const { openings, actives } = rows[0]!;
    const event = { event: 'session_expired', outcome: 'success', actor_kind: 'system', detail: '{}' };
    for (const [chain, ids] of Object.entries({ chn_expire: actives, chn_end: openings ?? [] })) {
      const items = ids.map((id) => ({ session_id: id, state: 'expired', only_lapsed: true, event }));
      await this.#client.query('SELECT end_sessions($1, $2, false)', [chain, JSON.stringify(items)]);
    }
  }

  async tables(): Promise<unknown[]> {
    const tables: unknown[] = [];
    for (const text of TABLES) tables.push((await this.#client.query({ text, rowMode: 'array' })).rows);
    return tables;
  }
}

/** Requests of a few projects that are often full, some of them by clients, some with quotas and Idempotency-Keys. */
class Callers {
  readonly #random: Random;
  #count = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** The projects are among the first so many: a batch of few is one that fits more often. */
  batch(size: number, projects: number): Reservation[] {
    return Array.from({ length: size }, () => this.#request(this.#random.below(projects)));
  }

  #request(project: number): Reservation {
    const random = this.#random;
    const hash = hex(`project ${project}`).slice(0, 32);
    const cap = 8 + project + this.#seldom(1);
    const client = random.below(2) === 0 ? random.below(2) : undefined;
    this.#count += 1;
    return {
      session_id: `ses_${String(this.#count).padStart(26, '0')}`,
      project_hash: hash,
      client: client === undefined ? undefined : `client-${project}-${client}`,
      flow: client === undefined ? 'vault' : 'commercial',
      model: 'm',
      voice: random.pick(['echo', undefined]),
      key_fingerprint: 'sha256:0',
      lease_token_hash: hex(String(this.#count)),
      lease_seconds: 60,
      opening_seconds: 15,
      max_duration_seconds: 100,
      cap,
      vault_cap: 3 + project,
      client_cap: cap - this.#seldom(2),
      windows: this.#windows(hash, client),
      quota:
        project % 2 === 0
          ? {
              subject: client === undefined ? hash : `${hash} ${client}`,
              limit: 5,
            }
          : undefined,
      idempotency:
        random.below(8) === 0
          ? {
              key_hash: hex(`${hash} ${random.below(6)}`),
              body_hash: hex(`body ${this.#seldom(1)}`),
            }
          : undefined,
      event: eventOf('vault_key_loaded') as unknown as Reservation['event'],
    };
  }

  #windows(hash: string, client: number | undefined): Reservation['windows'] {
    if (client !== undefined) {
      return [
        {
          scope: 'client',
          subject: `${hash} ${client}`,
          requests: 6 + this.#seldom(2),
          seconds: 40,
        },
      ];
    }
    const address = this.#random.below(3);
    return [
      {
        scope: 'project_address',
        subject: `${hash}:${address}`,
        requests: 6,
        seconds: 20,
      },
      { scope: 'project', subject: hash, requests: 10, seconds: 30 },
    ];
  }

  /** As when configuration changes between two requests. */
  #seldom(value: number): number {
    return this.#random.below(100) === 0 ? value : 0;
  }
}

describe('a batch that is reserved as a whole', () => {
  let one: World;
  let other: World;

  beforeEach(async () => {
    [one, other] = await Promise.all([World.open(), World.open()]);
  });
  afterEach(() => Promise.all([one.close(), other.close()]));

  const sweptAlike = async (): Promise<void> => {
    await Promise.all([one.expire(true), other.expire(false)]);
    expect(await one.tables()).toEqual(await other.tables());
  };

  it.each(SEEDS)(
    'is answered, written and swept as its requests one by one would be, seed %s',
    async (seed) => {
      const random = new Random(seed);
      const callers = new Callers(random);
      const inBoth = (step: (world: World) => Promise<void>): Promise<unknown> =>
        Promise.all([one, other].map(step));
      const live: string[] = [];
      let [wholes, walks] = [0, 0];
      const verdicts = new Set<string>();
      for (let batch = 0; batch < BATCHES; batch += 1) {
        const items = callers.batch(1 + random.below(random.pick([3, 12])), 1 + random.below(8));
        const [mixed, walked] = await Promise.all([one.reserve(items, false), other.reserve(items, true)]);
        expect({ batch, ...mixed }).toEqual({
          batch,
          ...walked,
          whole: mixed.whole,
        });
        expect(mixed.seqs).toEqual(mixed.seqs.toSorted((a, b) => a - b));
        if (mixed.whole) wholes += 1;
        else walks += 1;
        for (const [index, { verdict, sealedAnswer }] of mixed.answers.entries()) {
          verdicts.add(verdict);
          expect(sealedAnswer).toEqual(verdict === 'replay' ? SEALED : undefined);
          if (verdict === 'reserved') live.push(items[index]!.session_id);
        }
        const some = live.splice(0, random.below(live.length + 1));
        if (random.below(2) === 0)
          await inBoth((world) => world.activate(some.filter((_, at) => at % 2 === 0)));
        const state = random.pick(['released', 'failed', undefined]);
        if (state !== undefined) await inBoth((world) => world.end(some, state));
        // also back, over the end of a lease, and of a month
        const seconds = random.pick([0, 0, 0.5, 3, 11, 21, -5, batch % 10 === 9 ? 2_000_000 : 45]);
        await inBoth((world) => world.advance(seconds));
        if (batch % TABLES_EVERY === 0) await sweptAlike();
      }
      await Promise.all([one.advance(100), other.advance(100)]);
      await sweptAlike();
      expect([...verdicts].sort()).toEqual(VERDICTS);
      expect(Math.min(wholes, walks)).toBeGreaterThan(BATCHES / 5);
    },
    TIMEOUT_MS,
  );

  it('tells audit rows in the order of their chain, when its requests were walked and leases had lapsed', async () => {
    const callers = new Callers(new Random(1));
    const many = (): Reservation[] =>
      callers.batch(100, 4).map((item) => ({
        ...item,
        cap: 1_000,
        vault_cap: 1_000,
        client_cap: 1_000,
        quota: undefined,
        windows: [{ scope: 'project', subject: item.project_hash, requests: 1_000, seconds: 60 }],
      }));
    await one.reserve(many(), true);
    await one.advance(60);
    const { expired, seqs } = await one.reserve(many(), true);
    expect(expired).toBeGreaterThan(50);
    expect(seqs.length).toBeGreaterThan(150);
    expect(seqs).toEqual(seqs.map((_, index) => seqs[0]! + index));
  });
});
