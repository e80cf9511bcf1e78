import pg from 'pg';
import { LIST_LIVE } from '../../src/session/session-queries.ts';
import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import { eventsOf, lapse } from '../support/session-records.ts';
import { type Answer, PROJECT, type RequestOptions, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

/** Of connections to the database. */
const POOL = 10;
const UNKNOWN_ID = `ses_${'0'.repeat(26)}`;
const SINGLE = 'proj_single';
const SHORT = 'proj_short';
const LISTED = 'proj_listed';

interface OpenSession {
  session_id: string;
  lease_token: string;
  lease_expires_at: number;
}

describe('a session’s lease', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({
      project: { session: { maxConcurrent: 1000 } },
      manifests: (baseUrl) => [
        aProject(baseUrl, SINGLE, { session: { maxConcurrent: 1 } }),
        aSecret(SINGLE, aKey()),
        aProject(baseUrl, SHORT, { session: { maxConcurrent: 1000, maxDurationSeconds: 30 } }),
        aSecret(SHORT, aKey()),
        aProject(baseUrl, LISTED, { session: { maxConcurrent: 1000 } }),
        aSecret(LISTED, aKey()),
        aClient('acme', LISTED),
      ],
    });
  });
  afterAll(async () => {
    await stack.stop();
  });

  const tryToOpen = (projectId: string): Promise<Answer> =>
    stack.request('/session', { body: { project_id: projectId } });
  const open = async (projectId = PROJECT): Promise<OpenSession> => {
    const { status, json } = await tryToOpen(projectId);
    expect(status).toBe(200);
    return json as OpenSession;
  };
  const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
  const heartbeat = (session: OpenSession): Promise<Answer> =>
    stack.request(`/session/${session.session_id}/heartbeat`, {
      method: 'POST',
      headers: bearer(session.lease_token),
    });
  const read = (session: OpenSession): Promise<Answer> =>
    stack.request(`/session/${session.session_id}`, { headers: bearer(session.lease_token) });
  const terminate = (session: OpenSession): Promise<Answer> =>
    stack.admin(`/sessions/${session.session_id}`, { method: 'DELETE' });
  const namesOf = async ({ session_id: id }: OpenSession): Promise<string[]> =>
    (await eventsOf(stack.database, id)).map(({ event }) => event);

  /** The routes of a session, without credentials. */
  const routesOf = (id: string): [string, RequestOptions][] => [
    [`/session/${id}`, { method: 'GET' }],
    [`/session/${id}/heartbeat`, { method: 'POST' }],
    [`/session/${id}`, { method: 'DELETE' }],
    [`/session/${id}/release`, { method: 'POST' }],
  ];

  it('keeps nobody from opening and renewing others, also while renewals wait for its row', async () => {
    const session = await open();
    const rival = new pg.Client({ connectionString: stack.database.superuserUrl });
    await rival.connect();
    await rival.query('BEGIN');
    await rival.query('SELECT FROM sessions WHERE id = $1 FOR UPDATE', [session.session_id]);
    const renewals = Array.from({ length: 3 * POOL }, () => heartbeat(session));
    await until('renewals wait', async () => {
      const [row] = await stack.database.query<{ waiting: number }>(
        `SELECT count(*)::integer AS waiting FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock'`,
      );
      return (row?.waiting ?? 0) > 0;
    });
    expect((await heartbeat(await open())).status).toBe(200);
    await rival.query('COMMIT');
    await rival.end();
    expect((await Promise.all(renewals)).map(({ status }) => status)).toEqual(renewals.map(() => 200));
  });

  it('is shown to its token and to an admin alike', async () => {
    const session = await open();
    const own = await read(session);
    expect(own.status).toBe(200);
    expect(own.json).toEqual({
      session_id: session.session_id,
      state: 'active',
      model: 'gpt-realtime-2.1',
      voice: 'alloy',
      lease_expires_at: session.lease_expires_at,
      ends_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    expect((await stack.admin(`/session/${session.session_id}`)).json).toEqual(own.json);
  });

  it('is shown with the voice that was asked for', async () => {
    const { json } = await stack.request('/session', { body: { project_id: PROJECT, voice: 'echo' } });
    expect((await read(json as OpenSession)).json.voice).toBe('echo');
  });

  it('answers a wrong token, another session’s token and an unknown id alike: 404', async () => {
    const [session, other] = [await open(), await open()];
    const attempts = [
      ...routesOf(session.session_id).map((route) => [route, 'lt_wrong'] as const),
      ...routesOf(session.session_id).map((route) => [route, other.lease_token] as const),
      ...routesOf(UNKNOWN_ID).map((route) => [route, session.lease_token] as const),
      ...routesOf('no-such-id').map((route) => [route, session.lease_token] as const),
    ];
    const answers = await Promise.all(
      attempts.map(([[path, options], token]) => stack.request(path, { ...options, headers: bearer(token) })),
    );
    const told = answers.map(({ status, json }) => JSON.stringify([status, { ...json, request_id: '' }]));
    expect([...new Set(told)]).toEqual([
      JSON.stringify([404, { error: 'not_found', message: 'There is no such session.', request_id: '' }]),
    ]);
    expect((await read(session)).json.state).toBe('active');
  });

  it('answers nobody without a token: 401', async () => {
    const session = await open();
    for (const id of [session.session_id, UNKNOWN_ID]) {
      for (const [path, options] of routesOf(id)) {
        expect((await stack.request(path, options)).json).toMatchObject({ error: 'unauthorized' });
        const basic = await stack.request(path, { ...options, headers: { authorization: 'Basic eDp5' } });
        expect(basic.status).toBe(401);
        const admin = await stack.request(path, { ...options, headers: { 'x-admin-api-key': 'wrong' } });
        expect(admin.status).toBe(401);
      }
    }
    expect((await read(session)).json.state).toBe('active');
  });

  it('is unknown to an admin, too, when there is none', async () => {
    for (const [path, options] of routesOf(UNKNOWN_ID)) {
      expect((await stack.admin(path, options)).status).toBe(404);
    }
  });

  describe('released', () => {
    const ways: [string, (session: OpenSession) => Promise<Answer>][] = [
      [
        'by DELETE and its token',
        ({ session_id: id, lease_token: token }) =>
          stack.request(`/session/${id}`, { method: 'DELETE', headers: bearer(token) }),
      ],
      ['by DELETE and an admin', ({ session_id: id }) => stack.admin(`/session/${id}`, { method: 'DELETE' })],
      [
        'by POST and its token',
        ({ session_id: id, lease_token: token }) =>
          stack.request(`/session/${id}/release`, { method: 'POST', headers: bearer(token) }),
      ],
      [
        'by POST and its token in a JSON body',
        ({ session_id: id, lease_token }) =>
          stack.request(`/session/${id}/release`, { body: { lease_token } }),
      ],
      [
        'by a beacon with its token as text',
        ({ session_id: id, lease_token }) =>
          stack.request(`/session/${id}/release`, {
            headers: { 'content-type': 'text/plain;charset=UTF-8' },
            body: JSON.stringify({ lease_token }),
          }),
      ],
      [
        'by POST and an admin',
        ({ session_id: id }) => stack.admin(`/session/${id}/release`, { method: 'POST' }),
      ],
    ];

    it.each(ways)(
      '%s, frees the slot at once, again and again 204, and is recorded once',
      async (_way, release) => {
        const session = await open(SINGLE);
        expect((await tryToOpen(SINGLE)).json.error).toBe('concurrency_limit_exceeded');
        const { status, text } = await release(session);
        expect([status, text]).toEqual([204, '']);
        expect((await read(session)).json.state).toBe('released');
        const next = await open(SINGLE);
        expect((await release(session)).status).toBe(204);
        expect(await namesOf(session)).toEqual(['vault_key_loaded', 'session_created', 'session_released']);
        expect((await read(next)).json.state).toBe('active');
        await terminate(next);
      },
    );

    it('by a body, but not with a wrong token, without one, or as another media type', async () => {
      const session = await open();
      const release = (headers: Record<string, string>, body: string): Promise<Answer> =>
        stack.request(`/session/${session.session_id}/release`, { headers, body });
      const text = { 'content-type': 'text/plain' };
      expect((await release(text, '{"lease_token":"lt_wrong"}')).status).toBe(404);
      expect((await release(text, '{}')).status).toBe(401);
      expect((await release(text, 'lease_token')).status).toBe(400);
      const bearer = { authorization: `Bearer ${session.lease_token}` };
      expect((await release({ ...text, ...bearer }, '{"lease_token":7}')).status).toBe(400);
      const form = { 'content-type': 'application/x-www-form-urlencoded' };
      expect((await release(form, `lease_token=${session.lease_token}`)).status).toBe(415);
      expect((await read(session)).json.state).toBe('active');
    });

    it('by an admin is recorded under the admin’s fingerprint', async () => {
      const session = await open();
      await stack.admin(`/session/${session.session_id}`, { method: 'DELETE' });
      expect((await eventsOf(stack.database, session.session_id)).at(-1)).toMatchObject({
        event: 'session_released',
        actor: expect.stringMatching(/^sha256:[0-9a-f]{16}$/),
        actor_kind: 'admin',
        detail: { by: 'admin' },
      });
    });
  });

  describe('renewed by a heartbeat', () => {
    const leaseOf = async ({ session_id: id }: OpenSession): Promise<number> => {
      const [row] = await stack.database.query<{ at: number }>(
        'SELECT extract(epoch FROM lease_expires_at)::float8 AS at FROM sessions WHERE id = $1',
        [id],
      );
      return row!.at;
    };

    it.each(['its token', 'an admin'])('of %s, lasts a whole lease from then on', async (who) => {
      const session = await open();
      await stack.database.query(
        "UPDATE sessions SET lease_expires_at = clock_timestamp() + interval '5 seconds' WHERE id = $1",
        [session.session_id],
      );
      const { status, json } =
        who === 'an admin'
          ? await stack.admin(`/session/${session.session_id}/heartbeat`, { method: 'POST' })
          : await heartbeat(session);
      expect([status, json.state]).toEqual([200, 'active']);
      expect(Math.abs(json.lease_expires_at - Date.now() / 1000 - 120)).toBeLessThanOrEqual(2);
      expect(await leaseOf(session)).toBe(json.lease_expires_at);
    });

    it('never lasts past the session’s end', async () => {
      const session = await open();
      const ends = "clock_timestamp() + interval '40 seconds'";
      await stack.database.query(`UPDATE sessions SET ends_at = ${ends} WHERE id = $1`, [session.session_id]);
      const { json } = await heartbeat(session);
      expect(json.lease_expires_at).toBe(Math.floor(Date.parse(json.ends_at as string) / 1000));
      expect((await leaseOf(session)) * 1000).toBeLessThan(Date.parse(json.ends_at as string) + 1);
    });

    it('cannot be longer than the longest duration from the first moment on', async () => {
      const session = await open(SHORT);
      const { json } = await heartbeat(session);
      const endsAt = Date.parse(json.ends_at as string) / 1000;
      expect(Math.abs(endsAt - Date.now() / 1000 - 30)).toBeLessThanOrEqual(2);
      expect(session.lease_expires_at).toBeLessThanOrEqual(endsAt);
      expect(json.lease_expires_at).toBeLessThanOrEqual(endsAt);
    });

    it.each<[string, (session: OpenSession) => Promise<unknown>]>([
      [
        'released',
        ({ session_id: id, lease_token: token }) =>
          stack.request(`/session/${id}`, { method: 'DELETE', headers: bearer(token) }),
      ],
      ['terminated', terminate],
      ['expired', ({ session_id: id }) => lapse(stack.database, id)],
    ])('is too late once %s: 410, to admins, too', async (state, end) => {
      const session = await open();
      await end(session);
      const late = await heartbeat(session);
      expect([late.status, late.json.error]).toEqual([410, 'session_ended']);
      const admin = await stack.admin(`/session/${session.session_id}/heartbeat`, { method: 'POST' });
      expect(admin.status).toBe(410);
      const { status, json } = await read(session);
      expect([status, json.state]).toEqual([200, state]);
    });
  });

  describe('that lapsed', () => {
    it('frees its slot for whoever asks next, and is recorded once', async () => {
      const session = await open(SINGLE);
      await lapse(stack.database, session.session_id);
      const next = await open(SINGLE);
      await until('the expiry is recorded', async () => (await namesOf(session)).includes('session_expired'));
      expect(await namesOf(session)).toEqual(['vault_key_loaded', 'session_created', 'session_expired']);
      expect(
        (
          await stack.request(`/session/${session.session_id}`, {
            method: 'DELETE',
            headers: bearer(session.lease_token),
          })
        ).status,
      ).toBe(204);
      expect((await read(session)).json.state).toBe('expired');
      await terminate(next);
    });

    it('is recorded also when nobody asks', async () => {
      const session = await open();
      await lapse(stack.database, session.session_id);
      await until('the sweep', async () => (await namesOf(session)).includes('session_expired'), 5_000);
      const event = (await eventsOf(stack.database, session.session_id)).at(-1);
      expect(event).toMatchObject({ actor: null, actor_kind: 'system', outcome: 'success', detail: {} });
    });
  });

  it('is ended by an admin as terminated, which frees the slot and is recorded', async () => {
    const session = await open(SINGLE);
    expect((await terminate(session)).status).toBe(204);
    expect((await read(session)).json.state).toBe('terminated');
    const next = await open(SINGLE);
    expect((await terminate(session)).status).toBe(204);
    const events = await eventsOf(stack.database, session.session_id);
    expect(events.map(({ event }) => event)).toEqual([
      'vault_key_loaded',
      'session_created',
      'session_terminated',
    ]);
    expect(events.at(-1)).toMatchObject({ actor_kind: 'admin', detail: { reason: 'admin' } });
    await terminate(next);
  });

  it('is ended only by an admin who knows it', async () => {
    const session = await open();
    const path = `/sessions/${session.session_id}`;
    const attempt = await stack.request(path, { method: 'DELETE', headers: bearer(session.lease_token) });
    expect(attempt.status).toBe(401);
    expect((await stack.admin(`/sessions/${UNKNOWN_ID}`, { method: 'DELETE' })).status).toBe(404);
    expect((await read(session)).json.state).toBe('active');
  });

  describe('in the list', () => {
    let sessions: OpenSession[];

    beforeAll(async () => {
      sessions = [];
      for (let count = 0; count < 5; count += 1) sessions.push(await open(LISTED));
      await terminate(sessions[1]!);
      await lapse(stack.database, sessions[2]!.session_id);
    });

    const list = async (query: string): Promise<Answer> => {
      const answer = await stack.admin(`/sessions?${query}`);
      expect(answer.status).toBe(200);
      return answer;
    };
    const idsOf = ({ json }: Answer): string[] =>
      (json.sessions as OpenSession[]).map(({ session_id: id }) => id);

    it('tells all of a session but its secrets', async () => {
      const { json, text } = await list(`project_id=${LISTED}`);
      expect(json.sessions.at(-1)).toEqual({
        session_id: sessions[0]!.session_id,
        project_id: LISTED,
        client: null,
        flow: 'vault',
        state: 'active',
        model: 'gpt-realtime-2.1',
        voice: 'alloy',
        opened_at: expect.stringMatching(/\.\d{3}Z$/),
        lease_expires_at: sessions[0]!.lease_expires_at,
        ends_at: expect.stringMatching(/\.\d{3}Z$/),
        ended_at: null,
      });
      expect(text).not.toContain(sessions[0]!.lease_token);
      expect(json.next_cursor).toBeNull();
    });

    it('comes newest first, of one project, in pages that neither repeat nor leave out', async () => {
      const pages: string[][] = [];
      let cursor: string | null = '';
      while (cursor !== null) {
        const page: Answer = await list(`project_id=${LISTED}&limit=2${cursor && `&cursor=${cursor}`}`);
        pages.push(idsOf(page));
        cursor = page.json.next_cursor as string | null;
      }
      expect(pages.map(({ length }) => length)).toEqual([2, 2, 1]);
      expect(pages.flat()).toEqual(sessions.map(({ session_id: id }) => id).reverse());
    });

    it.each([
      ['active', [4, 3, 0]],
      ['terminated', [1]],
      ['expired', [2]],
      ['released', []],
    ])('can be only of those that are %s', async (state, expected) => {
      const answer = await list(`project_id=${LISTED}&state=${state}`);
      expect(idsOf(answer)).toEqual(expected.map((index) => sessions[index]!.session_id));
    });

    it('names the client of a commercial session', async () => {
      const authorization = `Bearer ${await stack.token('acme')}`;
      const { json } = await stack.request('/session', { method: 'POST', headers: { authorization } });
      await terminate(json as OpenSession);
      const { json: listed } = await list(`project_id=${LISTED}&state=terminated&limit=1`);
      expect(listed.sessions[0]).toMatchObject({ client: 'acme', flow: 'commercial' });
    });

    it('of a project that is not there is empty', async () => {
      expect((await list('project_id=proj_none')).json).toEqual({ sessions: [], next_cursor: null });
    });

    it.each(['state=living', 'limit=0', 'limit=1001', 'cursor=x', 'other=1'])(
      'refuses the query %s',
      async (query) => {
        const { status, json } = await stack.admin(`/sessions?${query}`);
        expect([status, json.error]).toEqual([400, 'invalid_request']);
      },
    );

    it('is for admins', async () => {
      expect((await stack.request('/sessions')).status).toBe(401);
    });

    it('of live ones reads these alone, of a full table', async () => {
      await stack.database.query(
        `INSERT INTO sessions (id, project_hash, flow, state, model, key_fingerprint, lease_token_hash, lease_seconds,
          lease_expires_at, ends_at, opened_at, activated_at, ended_at)
        SELECT 'ses_' || lpad(n::text, 26, '0'), 'x', 'vault', 'released', 'm', 'x', '', 1, t, t, t, t, t
        FROM generate_series(1, 50000) n, LATERAL (SELECT now() AS t) AS times`,
      );
      await stack.database.query('ANALYZE sessions');
      await stack.database.query('SET plan_cache_mode = force_generic_plan');
      for (const projectHash of [null, 'x']) {
        const [plan] = await stack.database.query<{ 'QUERY PLAN': unknown }>(
          `EXPLAIN (FORMAT JSON) ${LIST_LIVE.text}`,
          ['active', null, 11, projectHash],
        );
        const shown = JSON.stringify(plan!['QUERY PLAN']);
        expect(shown).toContain('"Index Name":"sessions_live"');
        expect(shown).not.toContain('Seq Scan');
      }
      const everywhere = idsOf(await list('state=active'));
      expect(everywhere).toEqual(
        expect.arrayContaining([4, 3, 0].map((index) => sessions[index]!.session_id)),
      );
      for (const index of [1, 2]) expect(everywhere).not.toContain(sessions[index]!.session_id);
    });
  });
});
