import pg from 'pg';
import { SERVING } from '../support/cluster.ts';
import { type PgBouncer, pgbouncerVersion, startPgBouncer } from '../support/pgbouncer.ts';
import { runProgram, type ServiceProcess } from '../support/service-process.ts';
import { mostAtOnce, slotsTaken } from '../support/session-records.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const CAP = 5;
const BURST = 60;
const ROUNDS = 10;
/** Since when PgBouncer keeps prepared statements of a client apart from those of a server's connection. */
const PREPARES_SINCE = 1.21;

const MODES =
  pgbouncerVersion() >= PREPARES_SINCE
    ? ([
        ['off', {}],
        ['on', { max_prepared_statements: '100' }],
      ] as const)
    : ([['off', {}]] as const);

describe.each(MODES)('PgBouncer in transaction mode, VESTIBULE_DB_PREPARED=%s', (prepared, settings) => {
  let stack: Stack;
  let pooler: PgBouncer;
  let services: ServiceProcess[];

  beforeAll(async () => {
    stack = await startStack({
      project: { session: { maxConcurrent: CAP, secretTtlSeconds: 10, leaseSeconds: 15 } },
    });
    await stack.services[0]!.stop();
    // What a service would meet that set nothing.
    for (const text of ["synchronous_commit = 'off'", "default_transaction_isolation = 'serializable'"]) {
      await stack.database.query(`ALTER ROLE ${SERVING} IN DATABASE ${stack.database.name} SET ${text}`);
    }
    pooler = await startPgBouncer(stack.database.servingUrl, settings);
    const environment = {
      DATABASE_URL: pooler.through(stack.database.servingUrl),
      VESTIBULE_DB_PREPARED: prepared,
    };
    Object.assign(stack.environment, environment);
    services = await Promise.all([stack.addService(), stack.addService()]);
  });
  afterAll(async () => {
    await stack.stop();
    await pooler.stop();
  });

  const open = (index: number): Promise<Answer> =>
    stack.request('/session', { base: services[index % 2]!.url, body: { project_id: PROJECT } });
  const release = async ({ json }: Answer, index: number): Promise<number> => {
    const { status } = await stack.request(`/session/${json.session_id}`, {
      base: services[index % 2]!.url,
      method: 'DELETE',
      headers: { authorization: `Bearer ${json.lease_token}` },
    });
    return status;
  };
  const burst = async (): Promise<Answer[]> =>
    Promise.all(Array.from({ length: BURST }, (_, index) => open(index)));

  it('serves every step of a session', async () => {
    const opened = await open(0);
    expect(opened.status).toBe(200);
    const headers = { authorization: `Bearer ${opened.json.lease_token}` };
    const path = `/session/${opened.json.session_id}`;
    const base = services[1]!.url;
    expect((await stack.request(`${path}/heartbeat`, { base, method: 'POST', headers })).status).toBe(200);
    expect((await stack.request(path, { base, headers })).json.state).toBe('active');
    expect((await stack.admin('/sessions', { base })).json.sessions).toHaveLength(1);
    expect((await stack.admin('/audit-logs', { base })).json.logs).toHaveLength(2);
    expect(await release(opened, 1)).toBe(204);
  });

  it('admits as many sessions as there are slots, and loses no record', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const answers = await burst();
      const opened = answers.filter(({ status }) => status === 200);
      expect([opened.length, answers.filter(({ status }) => status === 429).length]).toEqual([
        CAP,
        BURST - CAP,
      ]);
      const released = await Promise.all(opened.map((answer, index) => release(answer, index)));
      expect(new Set(released)).toEqual(new Set([204]));
    }
    expect([await slotsTaken(stack.database), await mostAtOnce(stack.database)]).toEqual([0, CAP]);
    const { code, stderr } = await runProgram(['audit', 'verify'], stack.environment);
    expect([code, stderr]).toEqual([0, '']);
  });

  it('has its settings also on connections that it never saw', async () => {
    await pooler.command('RECONNECT');
    const client = new pg.Client({ connectionString: pooler.through(stack.database.servingUrl) });
    await client.connect();
    const shown = async (name: string): Promise<unknown> =>
      Object.values((await client.query<pg.QueryResultRow>(`SHOW ${name}`)).rows[0]!)[0];
    const found = [
      await shown('statement_timeout'),
      await shown('transaction_isolation'),
      await shown('synchronous_commit'),
    ];
    await client.end();
    expect(found).toEqual(['5s', 'read committed', 'on']);
  });

  it('is back at once when the pooler is', async () => {
    const first = await open(0);
    expect(first.status).toBe(200);
    await pooler.restart();
    const startedAt = performance.now();
    await until('both serve', async () => {
      const released = await Promise.all([release(first, 0), release(first, 1)]);
      return released.every((status) => status === 204);
    });
    expect((await open(1)).status).toBe(200);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});
