import { randomInt } from 'node:crypto';
import pg from 'pg';
import { AuditQueries } from '../../src/audit/audit-queries.ts';
import type { ChainHead, SignedHead } from '../../src/audit/signed-head.ts';
import { HeadSigner, verifyingKeys } from '../../src/audit/signing-keys.ts';
import { verifyChains } from '../../src/audit/verify-chains.ts';
import { SecretString } from '../../src/common/secret-string.ts';
import { createDataSource } from '../../src/database/data-source.ts';
import { Database } from '../../src/database/database.ts';
import { Random } from '../support/random.ts';
import { aSigningKey } from '../support/signing-key.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const SEED = Number(process.env['AUDIT_TAMPERING_SEED'] ?? randomInt(2 ** 31));
/** By hand: AUDIT_TAMPERING_PLACES=1000. */
const PLACES = Number(process.env['AUDIT_TAMPERING_PLACES'] ?? 300);
const ROWS = 40;
/** Heads are signed after each so many rows of a chain. */
const SIGNED_EACH = 10;
const CHAINS = ['a', 'b', 'c'].map((name) => `chn_${name.repeat(26)}`);

interface Place {
  chain: string;
  seq: number;
}

interface Trick {
  statements: string[];
  /** Where it must be found: at one of these, where there are several. */
  expected: Place | Place[];
  /** Only heads that were kept elsewhere can tell. */
  needsHead?: boolean;
}

/** A trick at some place, which the random numbers choose. */
type Trickery = (random: Random, places: Places) => Trick;

interface Places {
  /** Any row. */
  row: () => Place;
  /** Any row but the last of its chain. */
  inner: () => Place;
}

const at = ({ chain, seq }: Place): string => `chain = '${chain}' AND seq = ${seq}`;
const earlier = (one: Place, other: Place): Place =>
  one.chain < other.chain || (one.chain === other.chain && one.seq < other.seq) ? one : other;

const edit =
  (change: string): Trickery =>
  (_random, { row }) => {
    const place = row();
    return { statements: [`UPDATE audit_events SET ${change} WHERE ${at(place)}`], expected: place };
  };

/** All that is after a row of its chain, as one who knows how would take it away: the head is moved as well. */
function cutOff({ chain, seq }: Place): string[] {
  return [
    `DELETE FROM audit_events WHERE chain = '${chain}' AND seq > ${seq}`,
    `UPDATE audit_heads h SET seq = ${seq}, hash = e.hash FROM audit_events e
      WHERE h.chain = '${chain}' AND e.chain = h.chain AND e.seq = ${seq}`,
    `DELETE FROM audit_checkpoints WHERE heads->0->>'chain' = '${chain}' AND (heads->0->>'seq')::bigint > ${seq}`,
  ];
}

const COLUMNS =
  'time, event, project_hash, actor, actor_kind, ip, request_id, trace_id, outcome, session_id, detail';

const swapped = (one: Place, other: Place, columns: string): string[] => [
  `CREATE TEMPORARY TABLE swapped AS SELECT * FROM audit_events`,
  ...[
    [one, other],
    [other, one],
  ].map(
    ([
      to,
      from,
    ]) => `UPDATE audit_events e SET (${columns}) = (SELECT ${columns} FROM swapped WHERE ${at(from!)})
      WHERE e.chain = '${to!.chain}' AND e.seq = ${to!.seq}`,
  ),
  'DROP TABLE swapped',
];

const TRICKS: Record<string, Trickery> = {
  'edits event': edit(`event = 'session_created_'`),
  'edits project_hash': edit(`project_hash = 'x'`),
  'edits actor': edit(`actor = coalesce(actor, '') || ' '`),
  'edits actor_kind': edit(`actor_kind = 'client'`),
  'edits ip': edit(`ip = '192.0.2.9'`),
  'edits request_id': edit(`request_id = NULL`),
  'edits trace_id': edit(`trace_id = ''`),
  'edits outcome': edit(`outcome = 'failure'`),
  'edits session_id': edit(`session_id = 'ses_x'`),
  'edits time': edit(`time = time - interval '1 ms'`),
  'edits a part of time that no row has': (random, places) => {
    const trick = edit(`time = time + interval '1 microsecond'`)(random, places);
    return {
      ...trick,
      statements: [
        'ALTER TABLE audit_events DROP CONSTRAINT audit_events_time_check',
        ...trick.statements,
        `ALTER TABLE audit_events ADD CONSTRAINT audit_events_time_check
          CHECK (time = date_trunc('milliseconds', time)) NOT VALID`,
      ],
    };
  },
  'edits a value of detail': edit(`detail = jsonb_set(detail, '{n}', '7')`),
  'edits a digit of detail that JSON numbers do not have': edit(
    `detail = jsonb_set(detail, '{big}', '9007199254740993')`,
  ),
  'writes a number of detail in another way': edit(`detail = jsonb_set(detail, '{n}', '1.0')`),
  'adds to detail': edit(`detail = detail || '{"x": null}'`),
  'takes from detail': edit(`detail = detail - 'n'`),
  'edits prev_hash': edit(`prev_hash = repeat('0', 63) || '1'`),
  'edits hash': edit(`hash = repeat('0', 63) || '1'`),
  'edits seq': edit('seq = seq + 1000000'),
  'edits chain': edit(`chain = 'chn_z'`),
  'deletes a row': (_random, { row }) => {
    const place = row();
    return { statements: [`DELETE FROM audit_events WHERE ${at(place)}`], expected: place };
  },
  'reorders rows': (random, { inner }) => {
    const first = inner();
    const second = { ...first, seq: first.seq + 1 + random.below(ROWS - first.seq) };
    return {
      statements: [
        `UPDATE audit_events SET seq = 1000000 WHERE ${at(first)}`,
        `UPDATE audit_events SET seq = ${first.seq} WHERE ${at(second)}`,
        `UPDATE audit_events SET seq = ${second.seq} WHERE chain = '${first.chain}' AND seq = 1000000`,
      ],
      expected: first,
    };
  },
  'reorders what rows tell': (random, { inner }) => {
    const first = inner();
    const second = { ...first, seq: first.seq + 1 + random.below(ROWS - first.seq) };
    return { statements: swapped(first, second, 'request_id, hash'), expected: first };
  },
  'inserts a row': (_random, { row }) => {
    const place = row();
    const { chain, seq } = place;
    return {
      statements: [
        `UPDATE audit_events SET seq = seq + 1000000 WHERE chain = '${chain}' AND seq >= ${seq}`,
        `INSERT INTO audit_events SELECT chain, ${seq}, ${COLUMNS}, prev_hash, hash FROM audit_events
          WHERE chain = '${chain}' AND seq = ${seq + 1_000_000}`,
        `UPDATE audit_events SET seq = seq - 999999 WHERE chain = '${chain}' AND seq > 1000000`,
        `UPDATE audit_heads SET seq = seq + 1 WHERE chain = '${chain}'`,
      ],
      // the copy is what was there; it is followed by one that does not follow it
      expected: { chain, seq: seq + 1 },
    };
  },
  'inserts a row at the end': (random) => {
    const chain = random.pick(CHAINS);
    return {
      statements: [
        `CREATE TEMPORARY TABLE before AS SELECT * FROM audit_heads`,
        `SELECT audit_append('${chain}', '[{"event": "x", "outcome": "success", "actor_kind": "system", "detail": "{}"}]')`,
        `UPDATE audit_heads h SET seq = b.seq, hash = b.hash FROM before b WHERE b.chain = h.chain`,
        'DROP TABLE before',
      ],
      expected: { chain, seq: ROWS + 1 },
    };
  },
  'swaps rows of two writers': (random, { row }) => {
    const one = row();
    const other = { chain: random.pick(CHAINS.filter((chain) => chain !== one.chain)), seq: row().seq };
    const columns = `${COLUMNS}, prev_hash, hash`;
    return { statements: swapped(one, other, columns), expected: earlier(one, other) };
  },
  'edits the hash of a head': (random) => {
    const chain = random.pick(CHAINS);
    return {
      statements: [`UPDATE audit_heads SET hash = repeat('0', 64) WHERE chain = '${chain}'`],
      expected: { chain, seq: ROWS },
    };
  },
  'sets a head back': (_random, { inner }) => {
    const { chain, seq } = inner();
    return { statements: cutOff({ chain, seq }).slice(1, 2), expected: { chain, seq: seq + 1 } };
  },
  'sets a head ahead': (random) => {
    const chain = random.pick(CHAINS);
    return {
      statements: [`UPDATE audit_heads SET seq = seq + 3 WHERE chain = '${chain}'`],
      expected: { chain, seq: ROWS + 1 },
    };
  },
  'deletes a head': (random) => {
    const chain = random.pick(CHAINS);
    return { statements: [`DELETE FROM audit_heads WHERE chain = '${chain}'`], expected: { chain, seq: 1 } };
  },
  ...Object.fromEntries(
    [
      ['hash', `heads = jsonb_set(heads, '{0,hash}', to_jsonb(repeat('0', 64)))`],
      ['time', `time = time + interval '1 s'`],
      ['signature', `signature = reverse(left(signature, 86)) || '=='`],
      ['key', `key = 'sha256:0123456789abcdef'`],
      ['form', `heads = jsonb_set(heads, '{0,more}', '1')`],
    ].map(([what, change]): [string, Trickery] => [
      `edits the ${what} of a checkpoint`,
      (random) => {
        const place = {
          chain: random.pick(CHAINS),
          seq: SIGNED_EACH * (1 + random.below(ROWS / SIGNED_EACH)),
        };
        const where = `heads @> '[{"chain": "${place.chain}", "seq": ${place.seq}}]'`;
        return {
          statements: [`UPDATE audit_checkpoints SET ${change!} WHERE ${where}`],
          expected: place,
        };
      },
    ]),
  ),
  'moves a checkpoint to another chain': (random) => {
    const [from, to] = [CHAINS[0]!, CHAINS[1 + random.below(2)]!];
    return {
      statements: [
        `UPDATE audit_checkpoints SET heads = jsonb_set(heads, '{0,chain}', '"${to}"')
          WHERE heads @> '[{"chain": "${from}", "seq": ${ROWS}}]'`,
      ],
      expected: { chain: to, seq: ROWS },
    };
  },
  'cuts a tail off': (_random, { inner }) => {
    const { chain, seq } = inner();
    return { statements: cutOff({ chain, seq }), expected: { chain, seq: seq + 1 }, needsHead: true };
  },
  'cuts a chain out': (random) => {
    const chain = random.pick(CHAINS);
    return {
      statements: [
        `DELETE FROM audit_events WHERE chain = '${chain}'`,
        `DELETE FROM audit_heads WHERE chain = '${chain}'`,
        `DELETE FROM audit_checkpoints WHERE heads->0->>'chain' = '${chain}'`,
      ],
      expected: { chain, seq: 1 },
      needsHead: true,
    };
  },
  'goes back to an old dump': (random) => {
    const kept = CHAINS.map((chain) => ({ chain, seq: 1 + random.below(ROWS - 1) }));
    return {
      statements: kept.flatMap(cutOff),
      expected: kept.map(({ chain, seq }) => ({ chain, seq: seq + 1 })),
      needsHead: true,
    };
  },
  'writes a chain anew from a row on, as its writer would': (_random, { row }) => {
    const { chain, seq } = row();
    return {
      statements: [
        'CREATE TEMPORARY TABLE later AS SELECT * FROM audit_events',
        ...(seq === 1
          ? [
              `DELETE FROM audit_events WHERE chain = '${chain}'`,
              `DELETE FROM audit_heads WHERE chain = '${chain}'`,
              `DELETE FROM audit_checkpoints WHERE heads->0->>'chain' = '${chain}'`,
            ]
          : cutOff({ chain, seq: seq - 1 })),
        `SELECT audit_append('${chain}', (SELECT jsonb_agg(to_jsonb(l) || '{"actor": "other", "detail": "{}"}' ORDER BY seq)
          FROM later l WHERE chain = '${chain}' AND seq >= ${seq}))`,
        'DROP TABLE later',
      ],
      // nobody else can tell which row it began with: it is the next that was signed
      expected: { chain, seq: Math.ceil(seq / SIGNED_EACH) * SIGNED_EACH },
      needsHead: true,
    };
  },
};

describe('tampering by the owner of the database', () => {
  let testDatabase: TestDatabase;
  let database: Database;
  let owner: pg.Client;
  const key = aSigningKey();
  const keys = verifyingKeys(key.publicKey);
  const signer = new HeadSigner(new SecretString(key.privateKey));
  const kept: SignedHead[] = [];

  beforeAll(async () => {
    testDatabase = await createTestDatabase();
    const dataSource = createDataSource({
      url: testDatabase.servingUrl,
      poolSize: 1,
      applicationName: 'vestibule-test',
      onPoolError: () => undefined,
    });
    database = new Database(dataSource, true);
    await database.connect();
    for (let written = 0; written < ROWS; written += SIGNED_EACH) {
      for (const chain of CHAINS) {
        await database.query({ name: '', text: 'SELECT audit_append($1, $2)' }, [
          chain,
          eventsAfter(written),
        ]);
      }
      for (const head of await new AuditQueries(database).heads()) await keep(head);
    }
    owner = new pg.Client({ connectionString: testDatabase.superuserUrl });
    await owner.connect();
    await owner.query('SET session_replication_role = replica');
    for (const table of TABLES) await owner.query(`CREATE TABLE kept_${table} AS SELECT * FROM ${table}`);
  });
  afterAll(async () => {
    await owner.end();
    await database.close();
    await testDatabase.drop();
  });

  const TABLES = ['audit_events', 'audit_heads', 'audit_checkpoints'];

  const eventsAfter = (written: number): string =>
    JSON.stringify(
      Array.from({ length: SIGNED_EACH }, (_, index) => ({
        event: 'session_created',
        outcome: 'success',
        actor: null,
        actor_kind: 'project',
        ip: '127.0.0.1',
        request_id: `req_${written + index}`,
        project_hash: 'a',
        session_id: null,
        trace_id: null,
        detail: `{"big":9007199254740992,"n":1}`,
      })),
    );

  const keep = async (head: ChainHead): Promise<void> => {
    const time = new Date().toISOString();
    const signed = signer.sign({ kind: 'head', time, heads: [head] });
    kept.push(signed);
    await database.query(
      {
        name: '',
        text: `INSERT INTO audit_checkpoints (kind, time, heads, key, signature) VALUES ('head', $1, $2, $3, $4)`,
      },
      [time, JSON.stringify([head]), signed.key, signed.signature],
    );
  };

  const restore = async (): Promise<void> => {
    for (const table of TABLES) {
      await owner.query(`DELETE FROM ${table}`);
      const override = table === 'audit_checkpoints' ? 'OVERRIDING SYSTEM VALUE' : '';
      await owner.query(`INSERT INTO ${table} ${override} SELECT * FROM kept_${table}`);
    }
  };

  const found = async (withHead: boolean): Promise<(Place & { reason: string }) | undefined> => {
    const anchors = withHead ? { anchors: only(kept) } : {};
    return (await verifyChains(new AuditQueries(database), { keys, ...anchors })).tampered;
  };

  it('is not seen where there is none', async () => {
    expect([await found(false), await found(true)]).toEqual([undefined, undefined]);
  });

  const names = Object.keys(TRICKS);

  it.each(names.map((name, index) => [name, index] as const))(
    'is found, and its place named: it %s',
    async (name, index) => {
      const random = new Random(SEED + index);
      const row = (): Place => ({ chain: random.pick(CHAINS), seq: 1 + random.below(ROWS) });
      const inner = (): Place => ({ chain: random.pick(CHAINS), seq: 1 + random.below(ROWS - 1) });
      const missed: unknown[] = [];
      for (let place = 0; place < Math.ceil(PLACES / names.length); place += 1) {
        const { statements, expected, needsHead = false } = TRICKS[name]!(random, { row, inner });
        for (const statement of statements) await owner.query(statement);
        const [without, withHead] = [await found(false), await found(true)];
        const seen = needsHead ? withHead : (without ?? withHead);
        const right = [expected].flat().some(({ chain, seq }) => seen?.chain === chain && seen.seq === seq);
        if (!right || (needsHead && without)) {
          missed.push({ seed: SEED, place, expected, without, withHead });
        }
        await restore();
      }
      expect(missed).toEqual([]);
    },
    120_000,
  );

  it('leaves nothing behind in this test', async () => {
    expect(await found(true)).toBeUndefined();
  });
});

async function* only<T>(items: T[]): AsyncGenerator<T[]> {
  yield await Promise.resolve(items);
}
