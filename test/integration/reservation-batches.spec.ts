import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../../src/database/migrate.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { undoMigrations } from '../support/undo-migrations.ts';
import { until } from '../support/until.ts';

const ROOM = { cap: 1_000_000, vault_cap: 1_000_000 };
const LIMIT = { requests: 100, seconds: 3_600 };
const hashOf = (name: string): string => createHash('sha256').update(name).digest('hex').slice(0, 32);
const anId = (): string => `ses_${randomBytes(13).toString('hex')}`;
const anEvent = (event: string): Record<string, unknown> => ({
  event,
  outcome: 'success',
  actor: null,
  actor_kind: 'project',
  ip: '127.0.0.1',
  request_id: null,
  trace_id: null,
  detail: '{}',
});

/** A request of a batch as the service writes it; every project has room. */
function aRequest(project: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    session_id: anId(),
    project_hash: hashOf(project),
    flow: 'vault',
    model: 'm',
    key_fingerprint: 'sha256:0',
    lease_token_hash: '00',
    lease_seconds: 60,
    opening_seconds: 15,
    max_duration_seconds: 3_600,
    ...ROOM,
    client_cap: 1_000_000,
    windows: [{ scope: 'project', subject: project, ...LIMIT }],
    event: anEvent('vault_key_loaded'),
    ...more,
  };
}

interface Answer {
  ordinal: number;
  verdict: string;
  window_remaining: number;
}

describe('a batch of reservations', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createTestDatabase();
  });
  afterEach(() => database.drop());

  const reserve = async (requests: Record<string, unknown>[]): Promise<Answer[]> => {
    const rows = await database.query<Answer & pg.QueryResultRow>('SELECT * FROM reserve_sessions($1, $2)', [
      'chn_test',
      JSON.stringify(requests),
    ]);
    return rows.filter(({ ordinal }) => ordinal > 0).sort((one, other) => one.ordinal - other.ordinal);
  };
  /** In the words of the version that reserves a whole batch at once, if it can. */
  const reserveTogether = async (connection: pg.Client, projects: string[]): Promise<Answer[]> => {
    const requests = projects.map((project) => aRequest(project));
    const values = [
      'chn_together',
      projects.map(hashOf),
      JSON.stringify(
        requests.map(({ event, ...request }) => ({
          ...request,
          ...(event as object),
        })),
      ),
      JSON.stringify({
        projects: projects.map((project) => ({
          hash: hashOf(project),
          n: 1,
          by_vault: 1,
          ...ROOM,
        })),
        windows: projects.map((project) => ({
          scope: 'project',
          subject: project,
          n: 1,
          ...LIMIT,
        })),
      }),
    ];
    const { rows } = await connection.query<{ reserved: { answers: Answer[] } }>(
      `SELECT open_sessions($1, $2, $3, $4, NULL, false)->'reserved' AS reserved`,
      values,
    );
    return rows[0]?.reserved.answers ?? [];
  };
  const verdictsOf = async (requests: Record<string, unknown>[]): Promise<string[]> =>
    (await reserve(requests)).map(({ verdict }) => verdict);

  it('charges each quota to its own', async () => {
    const [used, free] = [{ quota: { subject: 'a', limit: 1 } }, { quota: { subject: 'b', limit: 3 } }];
    const batch = (): Record<string, unknown>[] => [aRequest('p', used), aRequest('p', free)];
    expect(await verdictsOf(batch())).toEqual(['reserved', 'reserved']);
    for (let round = 0; round < 2; round += 1) {
      expect(await verdictsOf(batch())).toEqual(['quota_exceeded', 'reserved']);
    }
    expect(await verdictsOf(batch())).toEqual(['quota_exceeded', 'quota_exceeded']);
    const rows = await database.query('SELECT subject, used::integer FROM quotas ORDER BY subject');
    expect(rows).toEqual([
      { subject: 'a', used: 1 },
      { subject: 'b', used: 3 },
    ]);
  });

  it('counts each window for its own, also beside one that is used up', async () => {
    const full = {
      windows: [{ scope: 'client', subject: 'a', requests: 1, seconds: 3_600 }],
    };
    const roomy = { windows: [{ scope: 'client', subject: 'b', ...LIMIT }] };
    const none = {
      windows: [{ scope: 'client', subject: '0', requests: 0, seconds: 3_600 }],
    };
    const remaining: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      const answers = await reserve([aRequest('p', none), aRequest('p', full), aRequest('p', roomy)]);
      expect(answers[0]?.verdict).toBe('rate_limited:client');
      expect(answers[1]?.verdict).toBe(round === 0 ? 'reserved' : 'rate_limited:client');
      remaining.push(answers[2]?.window_remaining ?? -1);
    }
    expect(remaining).toEqual([99, 98, 97]);
  });

  it('keeps to the cap of a client within one batch', async () => {
    const capped = { flow: 'commercial', client: 'c', client_cap: 2 };
    const verdicts = await verdictsOf([1, 2, 3].map(() => aRequest('p', capped)));
    expect(verdicts).toEqual(['reserved', 'reserved', 'concurrency_limit_exceeded']);
    expect(await verdictsOf([aRequest('p', capped)])).toEqual(['concurrency_limit_exceeded']);
  });

  it('serves one of two with the same idempotency key', async () => {
    const idempotency = { key_hash: '01', body_hash: '02' };
    const verdicts = await verdictsOf([aRequest('p', { idempotency }), aRequest('p', { idempotency })]);
    expect(verdicts).toEqual(['reserved', 'idempotency_conflict']);
  });

  it('ends sessions also when their count was put wrong by hand, once each', async () => {
    const requests = [aRequest('p'), aRequest('p')];
    await reserve(requests);
    await database.query('UPDATE project_slots SET taken = 1, taken_by_vault = 1');
    const ends = [...requests, ...requests].map(({ session_id: id }) => ({
      session_id: id,
      state: 'failed',
      event: anEvent('session_error'),
    }));
    const [row] = await database.query<{ ids: string[] }>('SELECT end_sessions($1, $2) AS ids', [
      'chn_end',
      JSON.stringify(ends),
    ]);
    expect(row?.ids.sort()).toEqual(requests.map(({ session_id: id }) => id).sort());
    expect(await database.query('SELECT taken FROM project_slots')).toEqual([{ taken: 0 }]);
  });

  it('ends what somebody asks to end, also beside the end of one who hung up and asked again', async () => {
    const end = (id: unknown, state: string): Record<string, unknown> => ({
      session_id: id,
      state,
      event: anEvent(state === 'failed' ? 'session_error' : 'session_released'),
    });
    const idempotency = { key_hash: '0a', body_hash: '0b' };
    const request = aRequest('p', { idempotency });
    const { session_id: id } = request;
    await reserve([request]);
    await database.query('SELECT activate_sessions($1, $2)', [
      'chn_test',
      JSON.stringify([
        {
          session_id: id,
          lease_expires_at: Date.now() / 1000 + 60,
          sealed_answer: '0c',
          event: anEvent('session_created'),
        },
      ]),
    ]);
    const ends = async (items: Record<string, unknown>[]): Promise<unknown> => {
      const [row] = await database.query<{ ids: string[] }>(
        `SELECT end_sessions($1, $2, false)->'ids' AS ids`,
        ['chn_test', JSON.stringify(items)],
      );
      return row?.ids;
    };
    const again = JSON.stringify([aRequest('p', { idempotency })]);
    const [repeated] = await database.query<{ verdict: string }>(
      'SELECT verdict FROM walk_reservations($1, $2, false)',
      ['chn_test', again],
    );
    expect(repeated?.verdict).toBe('replay');
    const lapsed = { ...end(id, 'expired'), only_lapsed: true };
    expect(await ends([end(id, 'failed')])).toEqual([]);
    expect(await ends([lapsed, end(id, 'failed'), end(id, 'released')])).toEqual([id]);
    const events = await database.query(
      'SELECT event FROM audit_events WHERE session_id = $1 ORDER BY seq DESC LIMIT 1',
      [id],
    );
    expect(events).toEqual([{ event: 'session_released' }]);
  });

  it('gives a new session to who hung up, had its session ended, and asks again', async () => {
    const idempotency = { key_hash: '0a', body_hash: '0b' };
    const request = aRequest('p', { idempotency });
    await reserve([request]);
    const lapsed = { state: 'expired', only_lapsed: true, event: anEvent('session_expired') };
    const failed = { state: 'failed', keep_quota: true, event: anEvent('session_error') };
    const ends = [lapsed, failed].map((end) => ({ session_id: request['session_id'], ...end }));
    await database.query('SELECT end_sessions($1, $2, false)', ['chn_test', JSON.stringify(ends)]);
    expect(await database.query('SELECT state FROM sessions')).toEqual([{ state: 'failed' }]);
    expect(await verdictsOf([aRequest('p', { idempotency })])).toEqual(['reserved']);
  });

  it('locks in one order, whoever activates, ends or meets new projects at once', async () => {
    const pool = new pg.Pool({ connectionString: database.ownerUrl, max: 2 });
    // The database is dropped by force when the suite ends.
    pool.on('error', () => undefined);
    const call = (step: string, chain: string, items: unknown[]): Promise<unknown> =>
      pool.query(`SELECT ${step}($1, $2)`, [chain, JSON.stringify(items)]);
    for (let round = 0; round < 20; round += 1) {
      const projects = Array.from({ length: 40 }, (_, index) => `${round} ${index}`);
      const [one, other] = [projects.slice(0, 30), projects.slice(10).reverse()].map((names) =>
        names.map((name) => aRequest(name)),
      ) as [Record<string, unknown>[], Record<string, unknown>[]];
      const known = projects.filter((_, index) => index % 2 === round % 2).map((name) => aRequest(name));
      await call('reserve_sessions', 'chn_0', known);
      await Promise.all([call('reserve_sessions', 'chn_1', one), call('reserve_sessions', 'chn_2', other)]);
      const ids = [...one, ...other].map((request) => String(request['session_id'])).sort();
      const activations = ids.map((id) => ({
        session_id: id,
        lease_expires_at: Date.now() / 1000 + 60,
        event: anEvent('session_created'),
      }));
      const ends = ids.map((id) => ({
        session_id: id,
        state: 'terminated',
        event: anEvent('session_terminated'),
      }));
      await Promise.all([
        call('activate_sessions', 'chn_3', activations.reverse()),
        call('end_sessions', 'chn_4', ends),
      ]);
    }
    await pool.end();
    expect(await database.query('SELECT recount_slots() AS projects')).toEqual([{ projects: [] }]);
  });

  it('holds no lock while another makes the row of a project that both meet for the first time', async () => {
    await reserve([aRequest('known')]);
    const [service, rival] = [database.servingUrl, database.ownerUrl].map(
      (connectionString) => new pg.Client({ connectionString }),
    ) as [pg.Client, pg.Client];
    await Promise.all([service.connect(), rival.connect()]);
    const { rows } = await service.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await rival.query('BEGIN');
    await rival.query('SELECT lock_slots($1)', [[hashOf('new')]]);
    const reserving = reserveTogether(service, ['known', 'new']);
    await until('it waits for the row', async () => {
      const [waiting] = await database.query<{ waits: boolean }>(
        'SELECT cardinality(pg_blocking_pids($1)) > 0 AS waits',
        [rows[0]?.pid],
      );
      return waiting?.waits === true;
    });
    await rival.query('SELECT FROM project_slots WHERE project_hash = $1 FOR UPDATE NOWAIT', [
      hashOf('known'),
    ]);
    await rival.query('COMMIT');
    expect((await reserving).map(({ verdict }) => verdict)).toEqual(['reserved', 'reserved']);
    await Promise.all([service.end(), rival.end()]);
  });

  it('is migrated to in short waits while somebody reads for long, as a back-up does', async () => {
    await undoMigrations(database.ownerUrl, 'RepeatedAnswers1765400000000');
    const reader = new pg.Client({ connectionString: database.ownerUrl });
    await reader.connect();
    try {
      await reader.query('BEGIN');
      await reader.query('SELECT FROM idempotency');
      const { ownerUrl, servingUrl } = database;
      const migrated = migrate({ migrationUrl: ownerUrl, servingUrl });
      const waiting =
        "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'ALTER TABLE idempotency%'";
      await until('it waits for the table', async () => (await database.query(waiting)).length > 0);
      expect(await verdictsOf([aRequest('p')])).toEqual(['reserved']);
      await reader.query('COMMIT');
      expect(await migrated).toEqual(['RepeatedAnswers1765400000000']);
    } finally {
      await reader.end();
    }
  });

  it('is migrated to while the version before works, and the count comes right', async () => {
    await undoMigrations(database.ownerUrl, 'Batches1764600000000');
    const pool = new pg.Pool({ connectionString: database.ownerUrl, max: 4 });
    pool.on('error', () => undefined);
    const failures: string[] = [];
    let migrated = false;
    const work = Promise.all(
      [1, 2, 3, 4].map(async (worker) => {
        while (!migrated) {
          const request = aRequest(`p${worker % 2}`);
          const call = (text: string, items: unknown[]): Promise<unknown> =>
            pool.query(text, [`chn_${worker}`, JSON.stringify(items)]);
          try {
            await call('SELECT * FROM reserve_sessions($1, $2)', [request]);
            const end = {
              session_id: request['session_id'],
              state: 'failed',
              event: anEvent('session_error'),
            };
            await call('SELECT end_sessions($1, $2)', [end]);
          } catch (error) {
            failures.push((error as Error).message);
          }
        }
      }),
    );
    const { ownerUrl, servingUrl } = database;
    await migrate({ migrationUrl: ownerUrl, servingUrl }).finally(() => {
      migrated = true;
    });
    await work;
    await pool.end();
    expect(failures).toEqual([]);
    await database.query('SELECT recount_slots()');
    const wrong = await database.query(
      `SELECT FROM project_slots p WHERE taken <> (SELECT count(*) FROM sessions s
         WHERE s.project_hash = p.project_hash AND state IN ('opening', 'active'))`,
    );
    expect(wrong).toEqual([]);
  });
});
