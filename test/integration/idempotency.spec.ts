import { randomUUID } from 'node:crypto';
import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import { eventsOf } from '../support/session-records.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const ONE = 'proj_one';

describe('Idempotency-Key', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({
      environment: { VESTIBULE_TRUST_PROXY: '127.0.0.0/8' },
      project: { session: { maxConcurrent: 1000 }, limits: { requests: 1000, windowSeconds: 900 } },
      manifests: (baseUrl) => [
        aProject(baseUrl, ONE, {
          session: { maxConcurrent: 1 },
          limits: { requests: 1, windowSeconds: 900, sessionsPerMonth: 1 },
        }),
        aSecret(ONE, aKey()),
        aClient('acme', PROJECT),
        aClient('other', PROJECT),
      ],
    });
  });
  afterAll(async () => {
    await stack.stop();
  });

  interface Attempt {
    body?: Record<string, unknown>;
    headers?: Record<string, string>;
    path?: string;
  }
  const open = (key: string, { body, headers, path }: Attempt = {}): Promise<Answer> =>
    stack.request(path ?? '/session', {
      body: { project_id: PROJECT, ...body },
      headers: { 'idempotency-key': key, ...headers },
    });
  const asClient = async (client: string): Promise<Attempt> => ({
    headers: { authorization: `Bearer ${await stack.token(client)}` },
  });
  const rowsOf = async (table: string): Promise<number> =>
    (await stack.database.query(`SELECT FROM ${table}`)).length;
  const counts = async (): Promise<unknown[]> => [
    stack.simulator.seen().requests,
    await rowsOf('sessions'),
    await rowsOf('audit_events'),
    await stack.database.query('SELECT scope, subject, used FROM limit_windows ORDER BY scope, subject'),
    await stack.database.query('SELECT * FROM quotas'),
  ];

  it('gives the same answer again, which takes nothing and counts nothing', async () => {
    const key = randomUUID();
    const body = { model: 'gpt-realtime', voice: 'echo' };
    const first = await open(key, { body });
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([200, null]);
    const before = await counts();
    const again = await open(key, { body });
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true']);
    expect(again.text).toBe(first.text);
    expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'));
    expect(await counts()).toEqual(before);
  });

  it('sees no other body in another order of its fields', async () => {
    const key = randomUUID();
    const first = await open(key, { body: { model: 'gpt-realtime', voice: 'echo' } });
    const again = await open(key, { body: { voice: 'echo', model: 'gpt-realtime' } });
    expect(again.json.session_id).toBe(first.json.session_id);
  });

  it('gives the same answer even when window, quota and slots are used up', async () => {
    const key = randomUUID();
    const first = await open(key, { body: { project_id: ONE } });
    expect(first.status).toBe(200);
    expect((await open(randomUUID(), { body: { project_id: ONE } })).status).toBe(429);
    expect((await open(key, { body: { project_id: ONE } })).text).toBe(first.text);
  });

  it('works for a burst of equal requests: one session, and whoever is not answered with it gets 409', async () => {
    const key = randomUUID();
    const { mints } = stack.simulator.seen();
    const answers = await Promise.all(Array.from({ length: 20 }, () => open(key)));
    expect(stack.simulator.seen().mints).toBe(mints + 1);
    const opened = answers.filter(({ status }) => status === 200);
    expect(new Set(opened.map(({ json }) => json.session_id as string)).size).toBe(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 409]));
  });

  it('with another body or on the other route is a conflict', async () => {
    const key = randomUUID();
    await open(key);
    for (const other of [{ body: { voice: 'echo' } }, { path: '/v1/realtime/client_secrets' }]) {
      const { status, text } = await open(key, other);
      expect(status).toBe(409);
      expect(text).toContain('idempotency_conflict');
    }
    expect((await open(key)).headers.get('idempotency-replayed')).toBe('true');
  });

  it('is a conflict while the first request is still running', async () => {
    const key = randomUUID();
    stack.simulator.fault({ kind: 'latency', ms: 1_000, times: 1 });
    const first = open(key);
    await until('the first waits for the provider', () => stack.simulator.seen().in_flight === 1);
    const second = await open(key);
    expect([second.status, second.json.error]).toEqual([409, 'idempotency_conflict']);
    expect((await first).status).toBe(200);
    expect((await open(key)).text).toBe((await first).text);
  });

  it('is forgotten when the first request fails at the provider', async () => {
    const key = randomUUID();
    stack.simulator.fault({ kind: 'status', status: 500, times: 1 });
    expect((await open(key)).status).toBe(502);
    const second = await open(key);
    expect([second.status, second.headers.get('idempotency-replayed')]).toEqual([200, null]);
  });

  it('is not taken by a request that is refused', async () => {
    const key = randomUUID();
    expect((await open(key, { body: { model: 7 } })).status).toBe(400);
    expect((await open(key, { body: { project_id: ONE } })).status).toBe(429);
    expect((await open(key)).status).toBe(200);
  });

  it('is forgotten after 24 hours', async () => {
    const key = randomUUID();
    const { json } = await open(key);
    const age = (by: string): Promise<unknown> =>
      stack.database.query(
        `UPDATE idempotency SET created_at = created_at - interval '${by}' WHERE session_id = $1`,
        [json.session_id],
      );
    await age('23 hours 59 minutes');
    expect((await open(key)).json.session_id).toBe(json.session_id);
    await age('1 minute');
    expect((await open(key)).json.session_id).not.toBe(json.session_id);
  });

  it('is each client’s own, also apart from the bare project_id', async () => {
    const key = randomUUID();
    const answers = [
      await open(key),
      await open(key, await asClient('acme')),
      await open(key, await asClient('other')),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(new Set(answers.map(({ json }) => json.session_id as string)).size).toBe(3);
    const again = await open(key, await asClient('acme'));
    expect(again.json.session_id).toBe(answers[1]!.json.session_id);
  });

  it('is each address’s own where only a project_id speaks, and not where a client does', async () => {
    const key = randomUUID();
    const from = async (address: string, attempt: Attempt = {}): Promise<string> => {
      const headers = { 'x-forwarded-for': address, ...attempt.headers };
      return (await open(key, { headers })).json.session_id as string;
    };
    const first = await from('192.0.2.1');
    expect(await from('192.0.2.1')).toBe(first);
    expect(await from('192.0.2.2')).not.toBe(first);
    const client = await asClient('acme');
    expect(await from('192.0.2.3', client)).toBe(await from('192.0.2.4', client));
  });

  it.each([
    ['of 256 characters', 'k'.repeat(256)],
    ['that is empty', ''],
    ['with a tab', 'a\tb'],
    ['beyond ASCII', 'clé'],
  ])('%s is refused', async (_what, key) => {
    const { status, json } = await open(key);
    expect([status, json.error]).toEqual([400, 'invalid_request']);
    expect(json.details).toEqual([
      { path: expect.stringContaining('idempotency-key'), message: expect.any(String) },
    ]);
  });

  it('of 255 printable characters is taken', async () => {
    const key = `${randomUUID()} ~!"#`.padEnd(255, '+');
    const first = await open(key);
    expect(first.status).toBe(200);
    expect((await open(key)).text).toBe(first.text);
  });

  it('leaves neither itself nor a readable answer in the database', async () => {
    const key = randomUUID();
    const { json } = await open(key, { body: { instructions: 'Whisper the password.' } });
    await open(key, { body: { instructions: 'Whisper the password.' } });
    const tables = ['idempotency', 'sessions', 'audit_events', 'limit_windows', 'quotas', 'audit_heads'];
    const dumps = await Promise.all(
      tables.map((table) =>
        stack.database.query(
          `SELECT t::text AS row, (SELECT string_agg(encode(sealed_answer, 'escape'), '') FROM idempotency) AS sealed
           FROM ${table} t`,
        ),
      ),
    );
    const dump = JSON.stringify(dumps);
    expect(dump).toContain(json.session_id);
    const secrets = [key, json.value, json.lease_token, 'Whisper', stack.key] as string[];
    for (const secret of secrets) {
      expect(dump).not.toContain(secret);
      expect(dump).not.toContain(Buffer.from(secret).toString('hex'));
    }
  });

  it('does not bring back to life what has ended since', async () => {
    const key = randomUUID();
    const { json } = await open(key);
    await stack.admin(`/sessions/${json.session_id}`, { method: 'DELETE' });
    expect((await open(key)).json.session_id).toBe(json.session_id);
    expect((await stack.admin(`/session/${json.session_id}`)).json.state).toBe('terminated');
    const events = await eventsOf(stack.database, json.session_id as string);
    expect(events.map(({ event }) => event)).toEqual([
      'vault_key_loaded',
      'session_created',
      'session_terminated',
    ]);
  });
});
