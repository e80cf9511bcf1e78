import { once } from 'node:events';
import { connect } from 'node:net';
import { FEED_ROWS } from '../../src/events/feed-queries.ts';
import { EventStream } from '../support/event-stream.ts';
import { aProject } from '../support/manifests.ts';
import { addReplica } from '../support/scenes.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

/** A look at the database a second, and some time to tell. */
const BOUND_MS = 3_000;
const MAX_LISTENERS = 20;

describe('GET /events', () => {
  let stack: Stack;
  let stream: EventStream;

  const admin = (): Record<string, string> => ({ 'x-admin-api-key': stack.adminKey });
  const listen = (base = stack.url, headers: Record<string, string> = {}): Promise<EventStream> =>
    EventStream.open(`${base}/events`, { ...admin(), ...headers });
  const open = (base: string): Promise<Answer> =>
    stack.request('/session', { body: { project_id: PROJECT }, base });
  const append = (rows: number, detail: string): Promise<unknown> =>
    stack.database.query(
      `SELECT audit_append('chn_00000000000000000000000000', (SELECT jsonb_agg(jsonb_build_object('event', 'config_changed',
        'outcome', 'success', 'actor_kind', 'system', 'detail', jsonb_build_object('x', $2::text)::text))
        FROM generate_series(1, $1::integer)))`,
      [rows, detail],
    );

  beforeAll(async () => {
    stack = await startStack({
      processes: 2,
      project: { session: { maxConcurrent: 20 } },
      manifests: (baseUrl) => [aProject(baseUrl, 'proj_keyless')],
    });
    await open(stack.url);
    stream = await listen();
    await stream.next('snapshot');
  });
  afterAll(async () => {
    await stream.close();
    await stack.stop();
  });

  it('is a stream that no proxy keeps back, and begins with what is so now', () => {
    expect(stream.status).toBe(200);
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    expect(stream.headers.get('x-accel-buffering')).toBe('no');
    expect(stream.headers.get('cache-control')).toBe('no-store');
    expect(stream.headers.get('access-control-allow-origin')).toBeNull();
    expect(stream.retry).toBe(3_000);
    expect(stream.events[0]).toEqual({
      event: 'snapshot',
      data: {
        time: expect.stringMatching(/Z$/),
        database: { reachable: true },
        live: { total: 1, projects: [{ project_id: PROJECT, live: 1 }] },
        totals: expect.objectContaining({
          sessions_total: 1,
          vault_hits: 1,
          vault_hit_ratio: 1,
          sessions_active: 1,
        }),
      },
    });
  });

  it('tells soon of a session at another replica, of its rows as they are in the audit, and of its end', async () => {
    const { url } = stack.services[1]!;
    const { json } = await open(url);
    const id = json.session_id as string;
    const isOf = (data: { session_id: string }): boolean => data.session_id === id;
    expect(await stream.next('session', isOf, BOUND_MS)).toEqual({
      change: 'opened',
      session_id: id,
      project_id: PROJECT,
      time: expect.stringMatching(/Z$/),
    });
    expect(await stream.next('live', ({ total }) => total === 2, BOUND_MS)).toEqual({
      total: 2,
      projects: [{ project_id: PROJECT, live: 2 }],
    });
    await stack.admin(`/sessions/${id}`, { method: 'DELETE', base: url });
    await stream.next('session', (data) => isOf(data) && data.change === 'terminated', BOUND_MS);
    await stream.next('live', ({ total }) => total === 1, BOUND_MS);
    const { json: audit } = await stack.admin('/audit-logs');
    const rows = (audit.logs as { session_id: string }[]).filter(isOf).reverse();
    expect(rows).toHaveLength(3);
    expect((stream.of('audit') as { session_id: string }[]).filter(isOf)).toEqual(rows);
  });

  it('misses none of the rows of many sessions at several replicas, and tells none twice', async () => {
    const bases = stack.services.map(({ url }) => url);
    const second = await listen(bases[1]);
    const { time } = await second.next('snapshot');
    for (let round = 0; round < 12; round += 1) {
      const opened = await Promise.all(bases.map((base) => open(base)));
      await Promise.all(
        opened.map(({ json }) => stack.admin(`/session/${json.session_id}`, { method: 'DELETE' })),
      );
    }
    const { json } = await stack.admin(`/audit-logs?limit=1000&from=${time}`);
    const places = (rows: unknown[]): string[] =>
      (rows as { chain: string; seq: number; time: string }[])
        .filter((row) => row.time >= time)
        .map(({ chain, seq }) => `${chain} ${seq}`)
        .sort();
    const wanted = places(json.logs);
    expect(wanted.length).toBeGreaterThanOrEqual(24 * 3);
    for (const each of [stream, second]) {
      await until('all rows are told', () => places(each.of('audit')).length >= wanted.length);
      expect(places(each.of('audit'))).toEqual(wanted);
    }
    await second.close();
  });

  it('tells the newest of more rows than can be told, and how many it left out', async () => {
    await append(1_000, 'many');
    expect(await stream.next('skipped')).toEqual({ rows: 800 });
    const many = await until('the newest are told', () => {
      const rows = (stream.of('audit') as { seq: number; detail: { x?: string } }[]).filter(
        ({ detail }) => detail.x === 'many',
      );
      return rows.length >= 200 ? rows : undefined;
    });
    expect(many.map(({ seq }) => seq)).toEqual(Array.from({ length: 200 }, (_, index) => 801 + index));
  });

  it('reads rows by the key of their chain, of a full table', async () => {
    await append(20_000, 'filler');
    await stack.database.query('ANALYZE audit_events');
    await stack.database.query('SET plan_cache_mode = force_generic_plan');
    const [plan] = await stack.database.query<{ 'QUERY PLAN': unknown }>(
      `EXPLAIN (FORMAT JSON) ${FEED_ROWS.text}`,
      [
        ['chn_00000000000000000000000000', 'chn_00000000000000000000000001'],
        [5, 0],
        [10, 3],
      ],
    );
    const shown = JSON.stringify(plan!['QUERY PLAN']);
    expect(shown).toContain('"Index Name":"audit_events_pkey"');
    expect(shown).not.toContain('Seq Scan');
  });

  it('does not look back for who comes again, and takes no other parameters', async () => {
    const again = await listen(stack.url, { 'last-event-id': '1' });
    await again.next('snapshot');
    expect(again.events.map(({ event }) => event)).toEqual(['snapshot']);
    await again.close();
    for (const query of ['?key=x', '?since=1']) {
      const { status, json } = await stack.admin(`/events${query}`);
      expect([status, json.error]).toEqual([400, 'invalid_request']);
    }
  });

  it('cuts off a reader that does not read, and serves the others', async () => {
    const { hostname, port } = new URL(stack.url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.pause();
    socket.write(`GET /events HTTP/1.1\r\nHost: ${hostname}\r\nX-Admin-API-Key: ${stack.adminKey}\r\n\r\n`);
    const log = stack.services[0]!.output;
    const isCut = (): boolean => log.some((line) => line.includes('too slow'));
    const closed = once(socket, 'close');
    for (let round = 0; round < 8 && !isCut(); round += 1) {
      const told = stream.of('audit').length;
      // What systems keep for a socket comes before what the service keeps.
      await append(150, 'x'.repeat(50_000));
      await until('those who read are told', () => stream.of('audit').length >= told + 150);
    }
    expect(isCut()).toBe(true);
    socket.on('error', () => undefined).resume();
    await closed;
    expect((await stack.request('/health')).status).toBe(200);
  }, 60_000);

  it('has room for so many here, and again when one has gone', async () => {
    const others = await Promise.all(Array.from({ length: MAX_LISTENERS - 1 }, () => listen()));
    const { status, headers, json } = await stack.admin('/events');
    expect([status, json.error, headers.get('retry-after')]).toEqual([503, 'unavailable', '5']);
    await others.pop()!.close();
    const late = await until('there is room', async () => {
      const one = await listen();
      return one.status === 200 ? one : undefined;
    });
    await late.next('snapshot');
    await Promise.all([...others, late].map((one) => one.close()));
  });

  it('asks the database nothing when nobody listens', async () => {
    const { url } = stack.services[1]!;
    const isAsked = async (): Promise<boolean> => {
      const [row] = await stack.database.query<{ asked: boolean }>(
        `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
          AND query LIKE '%AS now FROM audit_heads%' AND query_start > clock_timestamp() - interval '200 milliseconds')
          AS asked`,
      );
      return row!.asked;
    };
    await until('it is asked for those who listen', isAsked);
    await stream.close();
    let askedAt = performance.now();
    await until('it is not asked for some time', async () => {
      if (await isAsked()) askedAt = performance.now();
      return performance.now() - askedAt > 3_000;
    });
    stream = await listen(url);
    await stream.next('snapshot');
    await until('it is asked again', isAsked);
  });

  it('says that the database is away, goes on, and then tells what happened meanwhile', async () => {
    const replica = await addReplica(stack);
    const far = await listen(replica.service.url);
    await far.next('snapshot');
    const target = Number(new URL(stack.database.servingUrl).port);
    replica.database.leadTo(1);
    replica.database.drop();
    expect(await far.next('database')).toEqual({ reachable: false });
    const late = await listen(replica.service.url);
    expect(await late.next('snapshot')).toMatchObject({ database: { reachable: false }, live: null });
    const { json } = await open(stack.url);
    replica.database.leadTo(target);
    for (const each of [far, late]) {
      await each.next('database', ({ reachable }) => reachable === true);
      await each.next('session', ({ session_id: id }) => id === json.session_id);
    }
    await Promise.all([far.close(), late.close()]);
    await replica.service.stop();
    await replica.database.stop();
  });

  it('tells everybody what is so now when the database is back, also who came meanwhile, if nothing changed', async () => {
    const replica = await addReplica(stack);
    const first = await listen(replica.service.url);
    const { live } = await first.next('snapshot');
    const target = Number(new URL(stack.database.servingUrl).port);
    replica.database.leadTo(1);
    replica.database.drop();
    expect(await first.next('database')).toEqual({ reachable: false });
    const second = await listen(replica.service.url);
    expect(await second.next('snapshot')).toMatchObject({ live: null });
    replica.database.leadTo(target);
    for (const each of [first, second]) {
      const again = await until('there is a second snapshot', () => each.of('snapshot')[1]);
      expect(again).toMatchObject({ database: { reachable: true }, live });
    }
    await Promise.all([first.close(), second.close()]);
    await replica.service.stop();
    await replica.database.stop();
  });

  it('ends when its process is told to, which nobody keeps from ending', async () => {
    const service = await stack.addService({ VESTIBULE_DRAIN_SECONDS: '2' });
    const one = await listen(service.url);
    await one.next('snapshot');
    service.kill('SIGTERM');
    expect(await one.ended).toBe('ended');
    const { status, headers } = await stack.admin('/events', { base: service.url });
    expect([status, headers.get('connection')]).toEqual([503, 'close']);
    expect(await service.exited).toBe(0);
  });

  it('tells this process’s totals every few seconds, and that it is still there', async () => {
    await stream.next('totals', undefined, 7_000);
    await until('a comment', () => stream.comments.length > 0, 20_000);
  });
});
