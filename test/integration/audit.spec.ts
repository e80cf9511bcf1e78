import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import pg from 'pg';
import { fingerprintOf } from '../simulator/simulator.ts';
import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import { type ProgramRun, runProgram } from '../support/service-process.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

/** As a client's id may be: whatever of ASCII can be printed. */
const HOSTILE = `a"b\\c','x'); DROP TABLE audit_events;-- <script>{{7*7}}%s%00 \\u0000\\ud800 $1`;
const FIRST_HASH = '0'.repeat(64);
const HASH = /^[0-9a-f]{32}$/;
const FINGERPRINT = /^sha256:[0-9a-f]{16}$/;

interface Row {
  chain: string;
  seq: number;
  time: string;
  event: string;
  project_hash: string | null;
  actor: string | null;
  actor_kind: string;
  ip: string | null;
  request_id: string | null;
  trace_id: string | null;
  outcome: string;
  session_id: string | null;
  detail: Record<string, unknown>;
  prev_hash: string;
  hash: string;
}

/** Every chain recomputed as the contract describes it, with nothing of the program's. Returns what does not hold. */
function brokenLinks(rows: Row[]): string[] {
  const chains = Map.groupBy(rows, ({ chain }) => chain);
  return [...chains].flatMap(([chain, members]) => {
    let previous = FIRST_HASH;
    return members
      .sort((left, right) => left.seq - right.seq)
      .filter((row, index) => {
        const { hash, prev_hash: linked, ...rest } = row;
        const text = `${previous}${canonicalize(rest) ?? ''}`;
        const holds =
          row.seq === index + 1 &&
          linked === previous &&
          hash === createHash('sha256').update(text, 'utf8').digest('hex');
        previous = hash;
        return !holds;
      })
      .map(({ seq }) => `${chain} ${seq}`);
  });
}

describe('the audit trail', () => {
  let stack: Stack;
  const sent = { key: aKey(), rotated: aKey(), again: aKey(), tokens: [] as string[] };

  beforeAll(async () => {
    stack = await startStack({
      project: { session: { maxConcurrent: 1_000 } },
      manifests: (url) => [
        aClient('hostile', PROJECT, { clientId: HOSTILE }),
        aClient('plain', PROJECT),
        aProject(url, 'proj_short', { session: { secretTtlSeconds: 10, leaseSeconds: 15 } }),
        aSecret('proj_short', aKey()),
        aProject(url, 'proj_key', {}),
      ],
    });
  });
  afterAll(async () => {
    await stack.stop();
  });

  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
  const open = (projectId = PROJECT, headers: Record<string, string> = {}): Promise<Answer> =>
    stack.request('/session', { headers, body: { project_id: projectId } });
  const page = async (query = ''): Promise<{ logs: Row[]; next_cursor: string | null }> => {
    const { status, json } = await stack.admin(`/audit-logs?${query}`);
    expect(status).toBe(200);
    return json as { logs: Row[]; next_cursor: string | null };
  };
  const all = async (query = 'limit=1000'): Promise<Row[]> => {
    const rows: Row[] = [];
    let cursor: string | null = null;
    do {
      const next: Awaited<ReturnType<typeof page>> = await page(
        cursor === null ? query : `${query}&cursor=${cursor}`,
      );
      rows.push(...next.logs);
      cursor = next.next_cursor;
    } while (cursor !== null);
    return rows;
  };
  const rowsOf = async (event: string, of: Partial<Row> = {}): Promise<Row[]> =>
    (await all(`limit=1000&event=${event}`)).filter((row) =>
      Object.entries(of).every(([field, value]) => row[field as keyof Row] === value),
    );
  const program = (args: string[], environment = {}): Promise<ProgramRun> =>
    runProgram(args, { ...stack.environment, ...environment });

  describe('tells of', () => {
    const traceId = 'f'.repeat(31) + '1';
    const adminActor = (): string => fingerprintOf(stack.adminKey);
    const admin = (): Partial<Row> => ({
      actor: adminActor(),
      actor_kind: 'admin',
      ip: '127.0.0.1',
      outcome: 'success',
      session_id: null,
    });

    it('a session: its key was loaded, it was created, it was released', async () => {
      const headers = { traceparent: `00-${traceId}-${'1'.repeat(16)}-01` };
      const opened = await open(PROJECT, headers);
      const { session_id: sessionId, lease_token: leaseToken } = opened.json as Record<string, string>;
      const requestId = opened.headers.get('x-request-id');
      await stack.request(`/session/${sessionId}`, { method: 'DELETE', headers: bearer(leaseToken!) });
      const [released, created, loaded] = (await all()).filter((row) => row.session_id === sessionId);
      const common = {
        actor: null,
        actor_kind: 'project',
        ip: '127.0.0.1',
        outcome: 'success',
        project_hash: expect.stringMatching(HASH) as string,
      };
      const fingerprint = { key_fingerprint: fingerprintOf(stack.key), flow: 'vault' };
      expect(loaded).toMatchObject({
        ...common,
        event: 'vault_key_loaded',
        request_id: requestId,
        trace_id: traceId,
        detail: { ...fingerprint, provider: 'openai' },
      });
      expect(created).toMatchObject({
        ...common,
        event: 'session_created',
        request_id: requestId,
        trace_id: traceId,
        detail: { ...fingerprint, model: 'gpt-realtime-2.1' },
      });
      expect(released).toMatchObject({
        event: 'session_released',
        outcome: 'success',
        detail: { by: 'lease' },
      });
      expect(released?.project_hash).toBe(created?.project_hash);
      sent.tokens.push(leaseToken!, String(opened.json.value));
    });

    it('a client’s session, with the client as it is called', async () => {
      const token = await stack.token(HOSTILE);
      const opened = await stack.request('/session', { headers: bearer(token), body: {} });
      expect(opened.status).toBe(200);
      sent.tokens.push(token);
      for (const event of ['vault_key_loaded', 'session_created']) {
        const [row] = await rowsOf(event, { session_id: opened.json.session_id as string });
        expect(row).toMatchObject({ actor: HOSTILE, actor_kind: 'client', detail: { flow: 'commercial' } });
      }
    });

    it('a session that failed', async () => {
      stack.simulator.fault({ kind: 'status', status: 500, times: 1 });
      const failed = await open();
      expect(failed.status).toBe(502);
      const requestId = failed.headers.get('x-request-id')!;
      expect(await rowsOf('session_error', { request_id: requestId })).toEqual([
        expect.objectContaining({ outcome: 'failure', detail: { code: 'provider_error' } }),
      ]);
      const [loaded] = await rowsOf('vault_key_loaded', { request_id: requestId });
      expect(loaded?.session_id).toMatch(/^ses_/);
      expect(await rowsOf('session_created', { request_id: requestId })).toEqual([]);
    });

    it('a session that an admin ended', async () => {
      const { session_id: id } = (await open()).json as { session_id: string };
      await stack.admin(`/sessions/${id}`, { method: 'DELETE' });
      expect(await rowsOf('session_terminated', { session_id: id })).toEqual([
        expect.objectContaining({ ...admin(), session_id: id, detail: { reason: 'admin' } }),
      ]);
    });

    it('a session whose lease lapsed', async () => {
      const { session_id: id } = (await open('proj_short')).json as { session_id: string };
      await stack.database.query(
        `UPDATE sessions SET lease_expires_at = clock_timestamp() - interval '1 second' WHERE id = $1`,
        [id],
      );
      const [row] = await until('it is recorded', async () => {
        const rows = await rowsOf('session_expired', { session_id: id });
        return rows.length > 0 && rows;
      });
      expect(row).toMatchObject({
        actor: null,
        actor_kind: 'system',
        ip: null,
        outcome: 'success',
        detail: {},
      });
    });

    it('a key: saved, saved again, rotated and deleted', async () => {
      const body = (key: string): object => ({ project_id: 'proj_key', openai_key: key });
      const saved = await stack.admin('/projects/key', { body: body(sent.key) });
      expect(saved.status).toBe(201);
      await stack.admin('/projects/key', { body: body(sent.again) });
      await stack.admin('/projects/key/rotate', { body: body(sent.rotated) });
      await stack.admin('/projects/key', { method: 'DELETE', body: { project_id: 'proj_key' } });
      const rows = await all('limit=1000&project_id=proj_key');
      const [first, again, rotated] = [sent.key, sent.again, sent.rotated].map(fingerprintOf);
      expect(rows.reverse().map(({ event, detail }) => [event, detail])).toEqual([
        ['vault_key_saved', { key_fingerprint: first, replaced: false }],
        ['vault_key_saved', { key_fingerprint: again, replaced: true }],
        ['vault_key_rotated', { key_fingerprint: rotated, previous_fingerprint: again }],
        ['vault_key_deleted', { key_fingerprint: rotated }],
      ]);
      for (const row of rows) expect(row).toMatchObject(admin());
      expect(rows[0]?.request_id).toBe(saved.headers.get('x-request-id'));
    });

    it('a change of the configuration: created, suspended, resumed, and a token given out', async () => {
      await stack.admin('/projects/key', { body: { project_id: 'proj-created', openai_key: sent.key } });
      for (const suspended of [true, false]) {
        await stack.admin('/projects/proj-created', { method: 'PATCH', body: { suspended } });
      }
      const token = await stack.admin('/clients/plain/token', { method: 'POST' });
      expect(token.status).toBe(200);
      sent.tokens.push(token.json.access_token as string);
      const rows = (await rowsOf('config_changed')).reverse();
      const change = (name: string): object => ({ change: name, resource: 'project' });
      expect(rows.map(({ detail }) => detail)).toEqual([
        change('created'),
        change('suspended'),
        change('resumed'),
        { change: 'token', client: 'plain' },
      ]);
      const [hash] = await all('project_id=proj-created&event=vault_key_saved');
      expect(rows.map((row) => row.project_hash)).toEqual([
        ...Array<unknown>(3).fill(hash?.project_hash),
        null,
      ]);
      for (const row of rows) expect(row).toMatchObject(admin());
    });
  });

  it('knows a project everywhere by one pseudonym, and others by others', async () => {
    const hashes = new Set((await all(`limit=1000&project_id=${PROJECT}`)).map((row) => row.project_hash));
    expect(hashes.size).toBe(1);
    const [other] = await all('project_id=proj_key&limit=1');
    expect(hashes.has(other!.project_hash)).toBe(false);
  });

  it('holds together by an independent reckoning, by API and by export', async () => {
    const rows = await all();
    expect(rows.length).toBeGreaterThan(15);
    expect(brokenLinks(rows)).toEqual([]);
    const exported = await program(['audit', 'export']);
    expect(exported.code).toBe(0);
    const lines = exported.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Row);
    expect(brokenLinks(lines)).toEqual([]);
    const id = ({ chain, seq }: Row): string => `${chain} ${seq}`;
    const byId = (left: Row, right: Row): number => (id(left) < id(right) ? -1 : 1);
    expect(lines.sort(byId)).toEqual(rows.sort(byId));
  });

  it('notices in that reckoning what was changed', async () => {
    const rows = await all();
    const changed = rows.map((row, index) => (index === 3 ? { ...row, ip: '192.0.2.1' } : row));
    expect(brokenLinks(changed)).toEqual([`${rows[3]!.chain} ${rows[3]!.seq}`]);
  });

  it('hashes any text as RFC 8785 writes it, and tells of it at once as an export does', async () => {
    const chain = `chn_${'9'.repeat(26)}`;
    const texts = [
      '\u0001\u0008\t\n\u000b\f\r\u001f"\\/\u007f\u0080\u009f\u00ad',
      '\u2028\u2029\ufeff\ufffd\ufffe',
      'é e\u0301 ß 漢字 👩‍👩‍👧 𝒳 \ud7ff\ue000',
      '</script><!-- ${x} {"a":1} \\u0041',
      '',
    ];
    const events = texts.map((text) => ({
      event: 'auth_rejected',
      outcome: 'failure',
      actor: text,
      actor_kind: 'anonymous',
      ip: text,
      request_id: text,
      trace_id: null,
      detail: canonicalize({
        reason: text,
        [text]: [1, -0.5, 1e21, 1e-7, true, null],
        é: 1,
        z: { b: 1, a: 2 },
      }),
    }));
    const client = new pg.Client({ connectionString: stack.database.servingUrl });
    await client.connect();
    const [answer] = (
      await client.query<{ lines: string[] }>('SELECT audit_append($1, $2, true) AS lines', [
        chain,
        JSON.stringify(events),
      ])
    ).rows;
    await client.end();
    const exported = (await program(['audit', 'export'])).stdout.split('\n');
    expect(answer?.lines).toEqual(exported.filter((line) => line.startsWith(`{"chain":"${chain}"`)));
    const rows = (await all()).filter((row) => row.chain === chain);
    expect(rows.map(({ actor }) => actor).reverse()).toEqual(texts);
    expect(brokenLinks(rows)).toEqual([]);
    expect((await program(['audit', 'verify'])).stdout).toMatch(/^intact: /);
  });

  it('holds no key, token or project id', async () => {
    const stored = await stack.database.query<{ row: string }>(
      `SELECT to_jsonb(e)::text AS row FROM audit_events e`,
    );
    const text = stored.map(({ row }) => row).join('\n');
    const secrets = [stack.key, stack.adminKey, stack.jwtSecret, sent.key, sent.again, sent.rotated];
    const ids = [PROJECT, 'proj-test', 'proj_key', 'proj-key', 'proj-created', 'proj_short', 'proj-short'];
    expect(sent.tokens).toHaveLength(4);
    for (const secret of [...secrets, ...sent.tokens, ...ids]) expect(text).not.toContain(secret);
    expect(text).toContain(fingerprintOf(stack.key));
  });

  it('tells of every use of a key upstream before it, once', async () => {
    const loaded = await rowsOf('vault_key_loaded');
    const ended = [...(await rowsOf('session_created')), ...(await rowsOf('session_error'))];
    const bySession = Map.groupBy(loaded, (row) => row.session_id);
    expect(ended.filter((row) => bySession.get(row.session_id)?.length !== 1)).toEqual([]);
    expect(ended.filter((row) => bySession.get(row.session_id)![0]!.time > row.time)).toEqual([]);
    expect(loaded).toHaveLength(ended.length);
    expect(stack.simulator.seen().requests).toBe(loaded.length);
  });

  describe('cannot be changed', () => {
    const statements = [
      `UPDATE audit_events SET actor = 'x'`,
      'DELETE FROM audit_events',
      'DELETE FROM audit_events WHERE false',
      'TRUNCATE audit_events',
      'TRUNCATE audit_events CASCADE',
      `INSERT INTO audit_events SELECT * FROM audit_events LIMIT 1
        ON CONFLICT (chain, seq) DO UPDATE SET actor = 'x'`,
      `UPDATE audit_checkpoints SET signature = 'x'`,
      'DELETE FROM audit_checkpoints',
      'TRUNCATE audit_checkpoints',
    ];

    it.each(statements)('by the serving role, nor by the owner: %s', async (statement) => {
      for (const [url, message] of [
        [stack.database.servingUrl, /permission denied/],
        [stack.database.ownerUrl, /only ever inserted/],
      ] as const) {
        const client = new pg.Client({ connectionString: url });
        await client.connect();
        await expect(client.query(statement)).rejects.toThrow(message);
        await client.end();
      }
    });

    it.each([
      'ALTER TABLE audit_events DISABLE TRIGGER ALL',
      'DROP TABLE audit_events',
      'SET session_replication_role = replica',
    ])('by the serving role with %s', async (statement) => {
      const client = new pg.Client({ connectionString: stack.database.servingUrl });
      await client.connect();
      await expect(client.query(statement)).rejects.toThrow(/must be owner|permission denied/);
      await client.end();
    });
  });

  describe('is listed', () => {
    it('newest first, each row once, while rows are added', async () => {
      const before = await all();
      const seen: Row[] = [];
      let cursor: string | null = null;
      do {
        await open();
        const query: string = cursor === null ? 'limit=7' : `limit=7&cursor=${cursor}`;
        const next: Awaited<ReturnType<typeof page>> = await page(query);
        expect(next.logs.length).toBeLessThanOrEqual(7);
        seen.push(...next.logs);
        cursor = next.next_cursor;
      } while (cursor !== null);
      const ids = seen.map(({ chain, seq }) => `${chain} ${seq}`);
      expect(new Set(ids).size).toBe(ids.length);
      expect(before.filter(({ chain, seq }) => !ids.includes(`${chain} ${seq}`))).toEqual([]);
      const times = seen.map(({ time }) => time);
      expect(times).toEqual([...times].sort().reverse());
      expect(times[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    });

    it('by project, event and time, half open', async () => {
      const rows = await all();
      const [from, to] = [rows.at(-5)!.time, rows[4]!.time];
      const between = await all(`limit=1000&from=${from}&to=${to}`);
      expect(between).toEqual(rows.filter(({ time }) => time >= from && time < to));
      expect(between.length).toBeGreaterThan(0);
      const of = await all(`limit=3&project_id=${PROJECT}&event=session_error`);
      expect(of).toHaveLength(1);
      expect(of[0]).toMatchObject({ event: 'session_error' });
      expect(await all('project_id=proj_nowhere')).toEqual([]);
      const shifted = await all(
        `from=${encodeURIComponent(from.replace('Z', '+00:00'))}&to=${to}&limit=1000`,
      );
      expect(shifted).toEqual(between);
    });

    it('as JSON lines, with the same rows and cursor', async () => {
      const json = await page('limit=5');
      const lines = await stack.admin('/audit-logs?limit=5&format=jsonl');
      expect(lines.headers.get('content-type')).toMatch(/ndjson/);
      expect(lines.text.endsWith('\n')).toBe(true);
      expect(
        lines.text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as Row),
      ).toEqual(json.logs);
      expect(lines.headers.get('x-next-cursor')).toBe(json.next_cursor);
    });

    it.each([
      'limit=0',
      'limit=1001',
      'limit=1e2',
      'limit=',
      'limit=1&limit=2',
      'event=nothing',
      'from=yesterday',
      'to=2026-02-30',
      'from=2026-13-01T00:00:00Z',
      'format=csv',
      'cursor=x',
      'other=1',
      `cursor=${Buffer.from('["1","chn_x","1"]').toString('base64url')}`,
      `cursor=${Buffer.from(`["9999999999999","chn_${'0'.repeat(26)}","1; DROP"]`).toString('base64url')}`,
    ])('but not by %s', async (query) => {
      const { status, json } = await stack.admin(`/audit-logs?${query}`);
      expect([status, json.error]).toEqual([400, 'invalid_request']);
    });

    it('a hundred at a time unless told otherwise, to admins only', async () => {
      await Promise.all(Array.from({ length: 60 }, () => open()));
      expect((await page()).logs).toHaveLength(100);
      expect((await stack.request('/audit-logs')).status).toBe(401);
    });
  });

  describe('is verified', () => {
    it('as intact', async () => {
      const { code, stdout } = await program(['audit', 'verify']);
      const [{ count, chains }] = (await stack.database.query<{ count: string; chains: string }>(
        'SELECT count(*), count(DISTINCT chain) AS chains FROM audit_events',
      )) as [{ count: string; chains: string }];
      expect([code, stdout]).toEqual([0, `intact: ${count} rows in ${chains} chains; tail unanchored\n`]);
    });

    const tricks: [string, (chain: string) => string[], number][] = [
      [
        'a changed row',
        (chain) => [`UPDATE audit_events SET ip = '192.0.2.1' WHERE chain = '${chain}' AND seq = 3`],
        3,
      ],
      [
        'a changed detail',
        (chain) => [
          `UPDATE audit_events SET detail = detail || '{"x": 1}' WHERE chain = '${chain}' AND seq = 4`,
        ],
        4,
      ],
      [
        'a changed time',
        (chain) => [
          `UPDATE audit_events SET time = time + interval '1 ms' WHERE chain = '${chain}' AND seq = 2`,
        ],
        2,
      ],
      ['a row cut out', (chain) => [`DELETE FROM audit_events WHERE chain = '${chain}' AND seq = 3`], 3],
      [
        'the first row cut off',
        (chain) => [`DELETE FROM audit_events WHERE chain = '${chain}' AND seq = 1`],
        1,
      ],
      ['the tail cut off', (chain) => [`DELETE FROM audit_events WHERE chain = '${chain}' AND seq > 5`], 6],
      [
        'two rows swapped',
        (chain) => [
          `UPDATE audit_events SET seq = CASE seq WHEN 2 THEN 1000003 ELSE 1000002 END WHERE chain = '${chain}' AND seq IN (2, 3)`,
          `UPDATE audit_events SET seq = seq - 1000000 WHERE chain = '${chain}' AND seq > 1000000`,
        ],
        2,
      ],
      ['a chain without its head', (chain) => [`DELETE FROM audit_heads WHERE chain = '${chain}'`], 1],
    ];

    it.each(tricks)('as tampered with, naming chain and seq: %s', async (_what, trick, seq) => {
      const [{ chain }] = (await stack.database.query<{ chain: string }>(
        `SELECT chain FROM audit_events WHERE event = 'session_created' LIMIT 1`,
      )) as [{ chain: string }];
      const rows = await stack.database.query<{ row: string }>(
        'SELECT to_jsonb(e)::text AS row FROM audit_events e WHERE chain = $1',
        [chain],
      );
      const [head] = await stack.database.query<{ row: string }>(
        'SELECT to_jsonb(h)::text AS row FROM audit_heads h WHERE chain = $1',
        [chain],
      );
      const client = new pg.Client({ connectionString: stack.database.superuserUrl });
      await client.connect();
      await client.query('SET session_replication_role = replica');
      try {
        for (const statement of trick(chain)) await client.query(statement);
        const { code, stdout } = await program(['audit', 'verify']);
        expect(stdout).toMatch(new RegExp(`^tampered: chain ${chain} seq ${seq}: `));
        expect(code).toBe(1);
      } finally {
        await client.query('DELETE FROM audit_events WHERE chain = $1', [chain]);
        await client.query('DELETE FROM audit_heads WHERE chain = $1', [chain]);
        await client.query(
          `INSERT INTO audit_events SELECT r.* FROM jsonb_array_elements($1::jsonb) j, jsonb_populate_record(NULL::audit_events, j) r`,
          [`[${rows.map(({ row }) => row).join()}]`],
        );
        await client.query(
          'INSERT INTO audit_heads SELECT * FROM jsonb_populate_record(NULL::audit_heads, $1::jsonb)',
          [head!.row],
        );
        await client.end();
      }
    });

    it('as intact again once it is what it was', async () => {
      expect((await program(['audit', 'verify'])).code).toBe(0);
    });

    it('not at all, with exit code 2, when the database is away or the command is not one', async () => {
      const away = await program(['audit', 'verify'], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
      expect([away.code, away.stdout]).toEqual([2, '']);
      expect(away.stderr).not.toBe('');
      for (const args of [['--nonsense'], ['extra']]) {
        const wrong = await program(['audit', 'verify', ...args]);
        expect([args, wrong.code, wrong.stdout]).toEqual([args, 2, '']);
      }
    });
  });

  it('tells of refusals when a service stops, one row a source and reason', async () => {
    const other = await stack.addService({ VESTIBULE_TRUST_PROXY: '127.0.0.0/8' });
    const from = (address: string, projectId: string): Promise<Answer> =>
      stack.request('/session', {
        base: other.url,
        headers: { 'x-forwarded-for': address },
        body: { project_id: projectId },
      });
    const wrongKey = stack.admin('/projects', { base: other.url, headers: { 'x-admin-api-key': aKey() } });
    const statuses = await Promise.all([
      from('192.0.2.1', 'proj_nowhere'),
      from('192.0.2.254', 'proj_elsewhere'),
      from('198.51.100.1', 'proj_nowhere'),
      from('2001:db8:0:1::1', 'proj_nowhere'),
      from('2001:db8:0:1:ffff::1', 'proj_nowhere'),
      wrongKey,
    ]);
    expect(statuses.map(({ status }) => status)).toEqual(Array<number>(6).fill(401));
    await other.stop();
    const told = (rows: Row[]): string[] =>
      rows.map(({ ip, detail }) => `${ip} ${String(detail['reason'])} ${String(detail['count'])}`).sort();
    // The first service writes of this machine's own address whenever a minute is over.
    const rejected = (await rowsOf('auth_rejected')).filter(({ ip }) => /^(192|198|2001)/.test(ip ?? ''));
    expect(told(rejected)).toEqual([
      '192.0.2.0/24 unknown_project 2',
      '198.51.100.0/24 unknown_project 1',
      '2001:db8:0:1::/64 unknown_project 2',
    ]);
    for (const row of rejected) {
      expect(row).toMatchObject({
        actor: null,
        actor_kind: 'anonymous',
        outcome: 'failure',
        project_hash: null,
      });
    }
    const admins = (await rowsOf('admin_rejected')).filter(({ detail }) => detail['reason'] === 'wrong_key');
    expect(told(admins)).toEqual(['127.0.0.0/24 wrong_key 1']);
    expect(FINGERPRINT.test(admins[0]?.actor ?? '')).toBe(false);
  });
});
