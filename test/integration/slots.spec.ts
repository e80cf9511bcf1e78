import { migrate } from '../../src/database/migrate.ts';
import { PROJECT, type Stack, startStack } from '../support/stack.ts';
import { slotsTaken } from '../support/session-records.ts';
import { undoMigrations } from '../support/undo-migrations.ts';
import { until } from '../support/until.ts';

const CAP = 3;

describe('the count of a project’s slots', () => {
  let stack: Stack;
  beforeAll(async () => {
    stack = await startStack({ project: { session: { maxConcurrent: CAP } } });
  });
  afterAll(() => stack.stop());

  const open = async (): Promise<{ status: number; sessionId: string }> => {
    const { status, json } = await stack.request('/session', { body: { project_id: PROJECT } });
    return { status, sessionId: (json as Record<string, string>)['session_id'] ?? '' };
  };
  const counted = async (): Promise<number> => {
    const [row] = await stack.database.query<{ taken: number }>('SELECT taken FROM project_slots');
    return row!.taken;
  };
  const recount = async (): Promise<string[]> => {
    const [row] = await stack.database.query<{ projects: string[] }>('SELECT recount_slots() AS projects');
    return row!.projects;
  };

  it('follows every session that is opened, ended or fails', async () => {
    const [first, second] = [await open(), await open()];
    expect(await counted()).toBe(2);
    await stack.admin(`/sessions/${first.sessionId}`, { method: 'DELETE' });
    expect(await counted()).toBe(1);
    stack.simulator.fault({ kind: 'status', status: 500, times: 1 });
    expect((await open()).status).toBe(502);
    expect(await counted()).toBe(1);
    await stack.admin(`/sessions/${second.sessionId}`, { method: 'DELETE' });
    expect(await counted()).toBe(0);
    expect(await recount()).toEqual([]);
  });

  it('is put right after rows were changed by hand, and only then', async () => {
    const sessions = [await open(), await open(), await open()];
    expect((await open()).status).toBe(429);
    await stack.database.query('DELETE FROM sessions WHERE id = $1', [sessions[0]!.sessionId]);
    expect((await open()).status).toBe(429);
    expect(await recount()).toHaveLength(1);
    expect(await recount()).toEqual([]);
    expect((await open()).status).toBe(200);
    await stack.database.query('UPDATE project_slots SET taken = 0, taken_by_vault = 0');
    expect(await recount()).toHaveLength(1);
    expect((await open()).status).toBe(429);
    expect(await counted()).toBe(await slotsTaken(stack.database));
  });

  it('ends a backlog of lapsed leases without standing still, and serves meanwhile', async () => {
    const [row] = await stack.database.query<{ hash: string }>(
      'SELECT project_hash AS hash FROM project_slots',
    );
    await stack.database.query(
      `INSERT INTO sessions (id, project_hash, flow, state, model, key_fingerprint, lease_token_hash, lease_seconds,
         lease_expires_at, ends_at, opened_at)
       SELECT 'ses_' || lpad(n::text, 26, '0'), $1, 'vault', 'active', 'm', 'sha256:0', '\\x00', 60,
         clock_timestamp() - interval '1 second', clock_timestamp() + interval '1 hour', clock_timestamp()
       FROM generate_series(1, 5000) AS n`,
      [row!.hash],
    );
    await stack.database.query(
      "UPDATE sessions SET lease_expires_at = clock_timestamp() WHERE state IN ('opening', 'active')",
    );
    expect(await recount()).toHaveLength(1);
    const started = performance.now();
    await until('a slot is free again', async () => (await open()).status === 200);
    await until('the backlog is gone', async () => (await slotsTaken(stack.database)) <= CAP);
    expect(performance.now() - started).toBeLessThan(8_000);
    expect(await counted()).toBe(await slotsTaken(stack.database));
  });

  it('begins with the sessions that are live when it comes to a database', async () => {
    for (let opened = 0; opened < CAP; opened += 1) await open();
    const live = await slotsTaken(stack.database);
    expect(live).toBe(CAP);
    const undone = await undoMigrations(stack.database.ownerUrl, 'Batches1764600000000');
    const tables = await stack.database.query("SELECT FROM pg_class WHERE relname = 'project_slots'");
    expect(tables).toEqual([]);
    const { ownerUrl, servingUrl } = stack.database;
    expect(await migrate({ migrationUrl: ownerUrl, servingUrl })).toEqual(undone);
    expect(await counted()).toBe(live);
    expect((await open()).status).toBe(429);
  });
});
