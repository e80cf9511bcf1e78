import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { eventsOf, slotsTaken } from '../support/session-records.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

/** As in `src/database/database.ts`. */
const MAX_ATTEMPTS = 5;
const LIMIT = 1_000;

/** Where each statement writes, so that a trigger can fail it. */
const STATEMENTS = {
  reserve_sessions: 'INSERT ON sessions',
  activate_sessions: 'UPDATE OF activated_at ON sessions',
  end_sessions: 'UPDATE OF ended_at ON sessions',
  audit_append: 'INSERT ON audit_events',
} as const;
type StatementName = keyof typeof STATEMENTS;

describe('a transaction that meets another', () => {
  let stack: Stack;
  beforeEach(async () => {
    stack = await startStack({
      project: { session: { maxConcurrent: 5 }, limits: { requests: LIMIT, windowSeconds: 900 } },
    });
  });
  afterEach(() => stack.stop());

  const open = (headers: Record<string, string> = {}): Promise<Answer> =>
    stack.request('/session', { body: { project_id: PROJECT }, headers });
  /** A connection of the service that a lock of this one keeps. */
  const waitsFor = async (pid: number): Promise<number | undefined> => {
    const waiting = await stack.database.query<{ pid: number }>(
      'SELECT pid FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))',
      [pid],
    );
    return waiting[0]?.pid;
  };
  const release = ({ json }: Answer): Promise<Answer> =>
    stack.request(`/session/${json.session_id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${json.lease_token}` },
    });
  const suspend = (suspended: boolean): Promise<Answer> =>
    stack.admin(`/projects/${PROJECT}`, { method: 'PATCH', body: { suspended } });

  /** The next statements of this kind fail; what they cost counts a sequence, which no rollback takes back. */
  const failing = (statement: StatementName, code: string, times: number): Promise<unknown> =>
    stack.database.query(`
      CREATE SEQUENCE attempts;
      CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
      BEGIN
        IF nextval('attempts') <= ${times} THEN
          RAISE EXCEPTION 'made by the test' USING ERRCODE = '${code}';
        END IF;
        RETURN NEW;
      END $$;
      CREATE TRIGGER fail BEFORE ${STATEMENTS[statement]} FOR EACH STATEMENT EXECUTE FUNCTION fail();`);
  const attempts = async (): Promise<number> => {
    const [row] = await stack.database.query<{ count: string }>('SELECT last_value AS count FROM attempts');
    return Number(row!.count);
  };
  const expectWholeSession = async ({ json }: Answer): Promise<void> => {
    const names = (await eventsOf(stack.database, json.session_id as string)).map(({ event }) => event);
    expect(names).toEqual(['vault_key_loaded', 'session_created', 'session_released']);
  };

  it.each(['40001', '40P01', '55P03'])('is sent again after %s, and counts once', async (code) => {
    await failing('reserve_sessions', code, MAX_ATTEMPTS - 1);
    const answer = await open();
    expect([answer.status, await attempts()]).toEqual([200, MAX_ATTEMPTS]);
    expect(answer.headers.get('x-ratelimit-remaining')).toBe(String(LIMIT - 1));
    expect(answer.json.metadata.active_sessions).toBe(1);
    expect((await release(answer)).status).toBe(204);
    await expectWholeSession(answer);
  });

  it.each(['activate_sessions', 'end_sessions'] as const)('is sent again also by %s', async (statement) => {
    await failing(statement, '40001', MAX_ATTEMPTS - 1);
    const answer = await open();
    expect(answer.status).toBe(200);
    expect((await release(answer)).status).toBe(204);
    expect(await attempts()).toBe(MAX_ATTEMPTS);
    await expectWholeSession(answer);
  });

  it('is sent again also where an event stands alone', async () => {
    await failing('audit_append', '40001', MAX_ATTEMPTS - 1);
    expect((await suspend(true)).status).toBe(200);
    const rows = await stack.database.query("SELECT FROM audit_events WHERE event = 'config_changed'");
    expect([rows.length, await attempts()]).toEqual([1, MAX_ATTEMPTS]);
  });

  it('is not sent for ever: 503, and no slot stays taken', async () => {
    await failing('reserve_sessions', '40001', 1_000);
    const { status, json, headers } = await open();
    expect([status, json.error, headers.get('retry-after')]).toEqual([503, 'unavailable', '1']);
    expect([await attempts(), await slotsTaken(stack.database)]).toEqual([MAX_ATTEMPTS, 0]);
    expect(stack.simulator.seen().requests).toBe(0);
  });

  it.each(['57014', '57P01', '08006', '53200'])('is not sent again after %s', async (code) => {
    await failing('reserve_sessions', code, 1);
    expect([(await open()).status, await attempts()]).toEqual([503, 1]);
    expect((await open()).status).toBe(200);
  });

  it('sees who claimed the same Idempotency-Key at the same time, under another lock', async () => {
    const claim = { 'idempotency-key': randomUUID() };
    await release(await open(claim));
    const [claimed] = await stack.database.query<Record<string, unknown>>(
      'DELETE FROM idempotency RETURNING *',
    );
    const rival = new pg.Client({ connectionString: stack.database.superuserUrl });
    await rival.connect();
    await rival.query('BEGIN');
    const { rows } = await rival.query<{ pid: number }>(
      'INSERT INTO idempotency (key_hash, body_hash, session_id, created_at) VALUES ($1, $2, $3, now()) RETURNING pg_backend_pid() AS pid',
      [claimed!['key_hash'], claimed!['body_hash'], claimed!['session_id']],
    );
    const [twin, other] = [open(claim), open()];
    await until('the service waits for the rival', () => waitsFor(rows[0]!.pid));
    await rival.query('COMMIT');
    await rival.end();
    expect([(await twin).status, (await other).status]).toEqual([409, 200]);
    await release(await other);
  });

  it('loses a real deadlock against a session that locks in the opposite order, and is done after it', async () => {
    const answer = await open();
    const id = answer.json.session_id as string;
    const rival = new pg.Client({ connectionString: stack.database.superuserUrl });
    await rival.connect();
    await rival.query("SET deadlock_timeout = '1h'");
    await rival.query('BEGIN');
    const { rows } = await rival.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    await rival.query('SELECT FROM sessions WHERE id = $1 FOR UPDATE', [id]);
    const released = release(answer);
    const loser = await until('the service waits for the rival', () => waitsFor(rows[0]!.pid));
    // Only the service looks for deadlocks: the rival never gives in.
    await rival.query('UPDATE project_slots SET taken = taken');
    expect(await waitsFor(loser)).toBeUndefined();
    await rival.query('COMMIT');
    await rival.end();
    expect((await released).status).toBe(204);
    await expectWholeSession(answer);
    await until('the server has counted it', async () => {
      const [counted] = await stack.database.query<{ deadlocks: string }>(
        'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
      );
      return Number(counted!.deadlocks) === 1;
    });
    expect(await slotsTaken(stack.database)).toBe(0);
  });
});
