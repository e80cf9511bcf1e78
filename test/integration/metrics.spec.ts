import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { AUDIT_EVENTS } from '../../src/audit/audit-event.ts';
import { type Fault, fingerprintOf } from '../simulator/simulator.ts';
import {
  aClient,
  aKey,
  aProject,
  aSecret,
  aSecretOfRelays,
  aTurnSecret,
  removeManifests,
  writeManifests,
} from '../support/manifests.ts';
import {
  created,
  type Effects,
  ended,
  failedAt,
  type Flow,
  Ledger,
  limited,
  NOTHING,
  refused,
  replayed,
  unauthorized,
} from '../support/metrics-ledger.ts';
import { type Metrics, parseMetrics, type Sample, seriesOf } from '../support/metrics-text.ts';
import { askOnce } from '../support/raw-http.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { eventsOf, lapse } from '../support/session-records.ts';
import { type Answer, ask, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const OWN = '/session';
const COMPATIBLE = '/v1/realtime/client_secrets';
const ACTIVE = 'sessions_active';
const CAP = 'sessions_max';
const SCOPES = [
  'address',
  'project_address',
  'project',
  'client',
  'quota_exceeded',
  'concurrency_limit_exceeded',
];
const HISTOGRAMS = [
  'session_open_duration_seconds',
  'provider_request_duration_seconds',
  'audit_append_duration_seconds',
];
const OURS = [
  'vault_hits_total',
  'sessions_total',
  'error_rate',
  ACTIVE,
  CAP,
  'database_up',
  ...HISTOGRAMS,
  'vault_key_age_seconds',
  'vault_sync_lag_seconds',
  'audit_events_total',
  'rate_limited_total',
  'turn_requests_total',
];
const SECOND = 'proj_second';
const FAULTY = 'proj_faulty';
const KEYLESS = 'proj_keyless';
const FRESH = 'proj_fresh';
const RELAYED = 'proj_relayed';
const UNRELAYED = 'proj_unrelayed';
const LEAVING = 'proj_leaving';

function relaysOf(name: string): unknown {
  return { type: 'coturn', urls: ['turn:turn.example.com'], secretRef: { name } };
}

const PROJECTS: Record<string, Record<string, unknown>> = {
  [SECOND]: { session: { maxConcurrent: 1000 } },
  [FAULTY]: {},
  proj_idle: {},
  proj_window: { limits: { requests: 1, windowSeconds: 900 } },
  proj_address: { access: { perAddress: { requests: 1, windowSeconds: 900 } } },
  proj_quota: { limits: { sessionsPerMonth: 0 } },
  proj_full: { session: { maxConcurrent: 1 } },
  proj_suspended: { suspended: true },
  proj_disabled: { access: { projectId: 'Disabled' } },
  [RELAYED]: { turn: relaysOf('relay') },
  [UNRELAYED]: { turn: relaysOf('no-relay') },
};

const DEFAULT_CAP = 5;
const CAPS: Record<string, number> = { [PROJECT]: 1000, [SECOND]: 1000, proj_full: 1 };

const failed = (code: string, flow: Flow = 'vault'): Effects => failedAt(FAULTY, code, flow);

let stack: Stack;
const ledger = new Ledger();
const keys = new Map(Object.keys(PROJECTS).map((id) => [id, aKey()]));
/** When the file with a project's key was last written with another key: unix milliseconds. */
const keyWritten: Record<string, number> = {};

const open = (route: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  stack.request(route, { method: 'POST', body, headers });
const openFor = (route: string, projectId: string): Promise<Answer> => open(route, { project_id: projectId });
const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const openAs = async (route: string, client: string, body: unknown = {}): Promise<Answer> =>
  open(route, body, bearer(await stack.token(client)));

/** Does one thing, checks that it came about as the script wants it, and enters what it has to add to the figures. */
async function step(asked: Promise<Answer>, status: number, effects: Effects): Promise<Answer> {
  const answer = await asked;
  const outcome = effects.session?.[2];
  const code = answer.json?.error?.code ?? answer.json?.error;
  const wanted = outcome === 'created' || outcome === 'replayed' ? undefined : outcome;
  expect([answer.status, outcome === undefined ? undefined : code]).toEqual([status, wanted]);
  ledger.add(effects);
  return answer;
}

async function openBothFlows(route: string): Promise<void> {
  await step(openFor(route, PROJECT), 200, created(PROJECT, 'vault'));
  await step(openFor(route, SECOND), 200, created(SECOND, 'vault'));
  await step(openAs(route, 'acme'), 200, created(PROJECT, 'commercial'));
  await step(openAs(route, 'zenith'), 200, created(SECOND, 'commercial'));
  const headers = { 'idempotency-key': randomUUID() };
  await step(open(route, { project_id: SECOND }, headers), 200, created(SECOND, 'vault'));
  await step(open(route, { project_id: SECOND }, headers), 200, replayed(SECOND, 'vault'));
  const other = route === OWN ? { voice: 'echo' } : { expires_after: { anchor: 'created_at', seconds: 30 } };
  const conflict = refused('idempotency_conflict', SECOND, 'vault');
  await step(open(route, { project_id: SECOND, ...other }, headers), 409, conflict);
}

async function meetRefusals(route: string): Promise<void> {
  const forged = { authorization: 'Bearer not.a.token' };
  await step(openFor(route, 'proj_unknown'), 401, unauthorized);
  await step(openFor(route, KEYLESS), 401, unauthorized);
  await step(openFor(route, 'proj_disabled'), 401, unauthorized);
  await step(open(route, {}), 401, unauthorized);
  await step(open(route, { project_id: PROJECT }, forged), 401, unauthorized);
  await step(open(route, { project_id: PROJECT }, { 'x-openai-api-key': '' }), 401, unauthorized);
  await step(openAs(route, 'stranger'), 401, unauthorized);
  const forbidden = refused('forbidden', PROJECT, 'commercial');
  await step(openAs(route, 'acme', { project_id: SECOND }), 403, forbidden);
  await step(openFor(route, 'proj_suspended'), 403, refused('suspended', 'proj_suspended', 'vault'));
  await step(openAs(route, 'banned'), 403, refused('suspended', SECOND, 'commercial'));
  await step(openAs(route, 'keyless'), 503, refused('key_unavailable', KEYLESS, 'commercial'));
  const surprise = { project_id: PROJECT, surprise: true };
  await step(open(route, surprise), 400, refused('invalid_request', PROJECT, 'vault'));
  await step(open(route, 'no JSON'), 400, refused('invalid_request'));
  await step(open(route, { padding: 'x'.repeat(64 * 1024) }), 413, refused('payload_too_large'));
  const xml = { 'content-type': 'application/xml' };
  await step(open(route, '<session/>', xml), 415, refused('unsupported_media_type'));
  await step(askUnderAnotherName(route), 421, refused('misdirected'));
  await step(stack.request(route, { method: 'PUT' }), 405, NOTHING);
}

/** By hand, since fetch chooses the Host header itself. */
async function askUnderAnotherName(route: string): Promise<Answer> {
  const text = `POST ${route} HTTP/1.1\r\nHost: evil.example.net\r\nContent-Length: 0\r\n\r\n`;
  const answer = await askOnce(stack.url, text);
  return { ...answer!, headers: new Headers(answer!.headers) };
}

async function reachLimits(): Promise<void> {
  for (const project of ['proj_window', 'proj_address', 'proj_full']) {
    await step(openFor(OWN, project), 200, created(project, 'vault'));
  }
  await step(openAs(OWN, 'hasty'), 200, created(SECOND, 'commercial'));
  for (const route of [OWN, COMPATIBLE]) {
    const at = (project: string): Promise<Answer> => openFor(route, project);
    await step(at('proj_window'), 429, limited('project', 'rate_limited', 'proj_window'));
    await step(at('proj_address'), 429, limited('project_address', 'rate_limited', 'proj_address'));
    await step(at('proj_quota'), 429, limited('quota_exceeded', 'quota_exceeded', 'proj_quota'));
    const full = 'concurrency_limit_exceeded';
    await step(at('proj_full'), 429, limited(full, full, 'proj_full'));
    const hasty = limited('client', 'rate_limited', SECOND, 'commercial');
    await step(openAs(route, 'hasty'), 429, hasty);
  }
}

const FAULTS: [Fault, number, string][] = [
  [{ kind: 'status', status: 401 }, 502, 'provider_rejected_key'],
  [{ kind: 'status', status: 429, retryAfter: 7 }, 429, 'provider_rate_limited'],
  [{ kind: 'status', status: 422 }, 400, 'invalid_request'],
  [{ kind: 'status', status: 500 }, 502, 'provider_error'],
  [{ kind: 'hangup' }, 502, 'provider_error'],
  [{ kind: 'hangup_mid_body' }, 502, 'provider_error'],
];

/** Faults under which the provider says that it minted: of these no session comes either. */
const SPOILT: Fault[] = [
  { kind: 'garbage' },
  { kind: 'no_value' },
  { kind: 'expires_at', value: 4_000_000_000 },
];

async function failAtProvider(): Promise<void> {
  for (const route of [OWN, COMPATIBLE]) {
    for (const [fault, status, code] of FAULTS) {
      strike(fault);
      await step(openFor(route, FAULTY), status, failed(code));
    }
    for (const fault of SPOILT) {
      strike(fault);
      await step(openAs(route, 'faulty'), 502, failed('provider_error', 'commercial'));
    }
  }
}

function strike(fault: Fault): void {
  stack.simulator.fault({ ...fault, times: 1, key_fingerprint: fingerprintOf(keys.get(FAULTY)!) });
}

/** One who goes while the provider is asked leaves an error behind; one who goes before that, nothing. */
async function hangUp(): Promise<void> {
  const { requests } = stack.simulator.seen();
  strike({ kind: 'never' });
  const late = await post(OWN, JSON.stringify({ project_id: FAULTY }));
  await until('the provider is asked', () => stack.simulator.seen().requests > requests);
  late.destroy();
  ledger.add(failed('unavailable'));
  await until('the provider is asked no more', () => stack.simulator.seen().in_flight === 0);
  const early = await post(OWN, '{', 100);
  early.destroy();
  ledger.add(refused('unavailable'));
  await until('both are known to be gone', () => {
    const gone = stack.services[0]!.output.filter((line) => line.includes('"status":499'));
    return gone.length === 2;
  });
}

/** A request on a connection that the test can break. */
async function post(path: string, body: string, length = body.length): Promise<ReturnType<typeof connect>> {
  const { hostname, port, host } = new URL(stack.url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  const head = `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n`;
  socket.write(`${head}Content-Length: ${length}\r\n\r\n${body}`);
  return socket;
}

async function endSessions(): Promise<void> {
  const next = async (): Promise<{ session_id: string; lease_token: string }> =>
    (await step(openFor(OWN, SECOND), 200, created(SECOND, 'vault'))).json;
  const released = await next();
  const { session_id: id, lease_token: token } = released;
  const headers = bearer(token);
  await step(stack.request(`/session/${id}/heartbeat`, { method: 'POST', headers }), 200, NOTHING);
  await step(stack.request(`/session/${id}`, { headers }), 200, NOTHING);
  const release = stack.request(`/session/${id}/release`, { body: { lease_token: token } });
  await step(release, 204, ended('session_released', SECOND));
  await step(stack.request(`/session/${id}`, { method: 'DELETE', headers }), 204, NOTHING);
  await step(stack.request(`/session/${id}/heartbeat`, { method: 'POST', headers }), 410, NOTHING);
  const byAdmin = stack.admin(`/session/${(await next()).session_id}`, { method: 'DELETE' });
  await step(byAdmin, 204, ended('session_released', SECOND));
  const terminated = stack.admin(`/sessions/${(await next()).session_id}`, { method: 'DELETE' });
  await step(terminated, 204, ended('session_terminated', SECOND));
  const wrong = stack.request(`/sessions/${id}`, {
    method: 'DELETE',
    headers: { 'x-admin-api-key': 'wrong' },
  });
  await step(wrong, 401, { rejected: 'admin_rejected' });
  await step(stack.request('/turn-credentials?project_id=proj_idle'), 200, NOTHING);
}

/** A session of its own project, and what its holder and anybody are told of relays. */
async function giveRelays(): Promise<void> {
  for (const [project, outcome] of [
    [RELAYED, 'relays'],
    [UNRELAYED, 'secret_missing'],
  ] as const) {
    const turn: [string, string] = [project, outcome];
    const { json } = await step(openFor(OWN, project), 200, { ...created(project, 'vault'), turn });
    const headers = bearer(json.lease_token as string);
    await step(stack.request('/turn-credentials', { headers }), 200, { turn });
    await step(stack.request(`/turn-credentials?project_id=${project}`), 200, NOTHING);
  }
  const headers = bearer(`lt_${'0'.repeat(26 + 43)}`);
  await step(stack.request('/turn-credentials', { headers }), 401, { rejected: 'auth_rejected' });
}

/** The sweeper ends what has lapsed; so does a reservation that comes first, as right after a sweep. */
async function letLapse(): Promise<void> {
  const expired = async (id: string): Promise<boolean> =>
    (await eventsOf(stack.database, id)).some(({ event }) => event === 'session_expired');
  for (let tries = 0; tries < 10; tries += 1) {
    const swept = (await step(openFor(OWN, SECOND), 200, created(SECOND, 'vault'))).json.session_id as string;
    const early = (await step(openFor(OWN, SECOND), 200, created(SECOND, 'vault'))).json.session_id as string;
    await lapse(stack.database, swept);
    await until('the sweep', () => expired(swept));
    await lapse(stack.database, early);
    await step(openFor(OWN, SECOND), 200, created(SECOND, 'vault'));
    ledger.add(ended('session_expired', SECOND));
    ledger.add(ended('session_expired', SECOND));
    await until('the lapsed session is ended', () => expired(early));
    if (await endedByReservation(early)) return;
  }
  throw new Error('the sweeper was always first');
}

/** Reservations write a chain of their own. */
async function endedByReservation(sessionId: string): Promise<boolean> {
  const rows = await stack.database.query(
    `SELECT FROM audit_events WHERE session_id = $1 AND event = 'session_expired'
     AND chain IN (SELECT chain FROM audit_events WHERE event = 'vault_key_loaded')`,
    [sessionId],
  );
  return rows.length > 0;
}

async function keepKeys(): Promise<void> {
  const key = (projectId: string, more = {}): unknown => ({
    project_id: projectId,
    openai_key: aKey(),
    ...more,
  });
  const written = (projectId: string): void => {
    keyWritten[projectId] = statSync(join(stack.directory, 'test.json')).mtimeMs;
  };
  const fresh = stack.admin('/projects/key', { body: key(FRESH) });
  await step(fresh, 201, { audit: ['config_changed', 'vault_key_saved'] });
  const checked = stack.admin('/projects/key', { body: key('proj_idle', { validate: true }) });
  await step(checked, 200, { provider: 1, audit: ['vault_key_saved'] });
  written('proj_idle');
  const revoked = key('proj_idle', { validate: true }) as { openai_key: string };
  stack.simulator.revoke(fingerprintOf(revoked.openai_key));
  await step(stack.admin('/projects/key', { body: revoked }), 400, { provider: 1 });
  const rotated = stack.admin('/projects/key/rotate', { body: key(SECOND) });
  await step(rotated, 200, { audit: ['vault_key_rotated'] });
  written(SECOND);
  const remove = (): Promise<Answer> =>
    stack.admin('/projects/key', { method: 'DELETE', body: { project_id: FRESH } });
  await step(remove(), 200, { audit: ['vault_key_deleted'] });
  await step(remove(), 404, NOTHING);
}

async function configure(): Promise<void> {
  const patch = (suspended: boolean): Promise<Answer> =>
    stack.admin('/projects/proj_full', { method: 'PATCH', body: { suspended } });
  const token = stack.admin('/clients/acme/token', { body: {} });
  await step(token, 200, { audit: ['config_changed'] });
  await step(patch(true), 200, { audit: ['config_changed'] });
  ledger.add(ended('session_terminated', 'proj_full'));
  await until('the session of the suspended project ends', async () => {
    const { json } = await stack.admin('/sessions?state=terminated&project_id=proj_full');
    return (json.sessions as unknown[]).length === 1;
  });
  await step(patch(false), 200, { audit: ['config_changed'] });
}

/** A kept answer that no longer opens, and a database that takes no connections. */
async function breakThings(): Promise<void> {
  const { database } = stack;
  for (const route of [OWN, COMPATIBLE]) {
    const headers = { 'idempotency-key': randomUUID() };
    const again = (): Promise<Answer> => open(route, { project_id: PROJECT }, headers);
    await step(again(), 200, created(PROJECT, 'vault'));
    await database.query(
      'UPDATE idempotency SET sealed_answer = set_byte(sealed_answer, 99, 255 - get_byte(sealed_answer, 99))',
    );
    await step(again(), 500, refused('internal', PROJECT, 'vault'));
  }
  await database.query(`ALTER DATABASE ${database.name} CONNECTION LIMIT 0`);
  await database.query(
    `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid() AND NOT
       (SELECT rolsuper FROM pg_roles WHERE oid = usesysid)`,
  );
  const away = refused('unavailable', PROJECT, 'vault');
  for (const route of [OWN, COMPATIBLE]) await step(openFor(route, PROJECT), 503, away);
  await database.query(`ALTER DATABASE ${database.name} CONNECTION LIMIT -1`);
  await until('the database is back', async () => (await stack.admin('/sessions')).status === 200);
}

beforeAll(async () => {
  const clock = new URL('../support/jumping-clock.ts', import.meta.url);
  stack = await startStack({
    project: { session: { maxConcurrent: 1000 } },
    environment: { NODE_OPTIONS: `--import=${clock.href}` },
    manifests: (baseUrl) => [
      ...Object.entries(PROJECTS).flatMap(([id, spec]) => [
        aProject(baseUrl, id, spec),
        aSecret(id, keys.get(id)!),
      ]),
      aProject(baseUrl, KEYLESS),
      aSecretOfRelays('relay', aTurnSecret()),
      aClient('acme', PROJECT),
      aClient('zenith', SECOND),
      aClient('faulty', FAULTY),
      aClient('keyless', KEYLESS),
      aClient('banned', SECOND, { suspended: true }),
      aClient('hasty', SECOND, { limits: { requests: 1, windowSeconds: 900 } }),
    ],
  });
  const { mtimeMs } = statSync(join(stack.directory, 'test.json'));
  for (const project of [PROJECT, ...keys.keys()]) keyWritten[project] = mtimeMs;
  for (const route of [OWN, COMPATIBLE]) {
    await openBothFlows(route);
    await meetRefusals(route);
  }
  await reachLimits();
  await failAtProvider();
  await hangUp();
  await endSessions();
  await giveRelays();
  await letLapse();
  await keepKeys();
  await configure();
  await breakThings();
}, 60_000);
afterAll(async () => {
  await stack.stop();
});

const scrape = async (service = stack.services[0]!, accept = 'text/plain'): Promise<Metrics> =>
  parseMetrics((await ask(`${service.opsUrl}/metrics`, { headers: { accept } })).text);
/** Node's own are Node's business. */
const isOurs = ({ name }: Sample): boolean => !/^(process|nodejs)_/.test(name);
const isFigure = ({ name }: Sample): boolean =>
  !/_(bucket|sum)$|^vault_(key_age|sync_lag)_seconds$/.test(name);
const figuresOf = ({ samples }: Metrics): Record<string, number> =>
  Object.fromEntries(
    samples.filter((sample) => isOurs(sample) && isFigure(sample)).map((one) => [seriesOf(one), one.value]),
  );
const samplesOf = ({ samples }: Metrics, name: string): Sample[] =>
  samples.filter((one) => one.name === name);
const sumOf = (all: Metrics[], name: string, wanted: Record<string, string> = {}): number =>
  all
    .flatMap((one) => samplesOf(one, name))
    .filter(({ labels }) => Object.entries(wanted).every(([label, value]) => labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);

const activeIn = (metrics: Metrics): Record<string, number> =>
  Object.fromEntries(samplesOf(metrics, ACTIVE).map(({ labels, value }) => [labels['project']!, value]));

/** The audit's rows by event, and the transactions that wrote them. */
interface Records {
  events: Record<string, number>;
  transactions: number;
}

async function recorded(): Promise<Records> {
  const rows = await stack.database.query<{ event: string; rows: number }>(
    'SELECT event, count(*)::integer AS rows FROM audit_events GROUP BY event',
  );
  const [written] = await stack.database.query<{ transactions: number }>(
    'SELECT count(DISTINCT xmin::text)::integer AS transactions FROM audit_events',
  );
  return { events: Object.fromEntries(rows.map(({ event, rows: n }) => [event, n])), ...written! };
}

async function liveByDatabase(): Promise<number[]> {
  const rows = await stack.database.query<{ live: number }>(
    `SELECT count(*)::integer AS live FROM sessions WHERE state IN ('opening', 'active')
     GROUP BY project_hash ORDER BY live`,
  );
  return rows.map(({ live }) => live);
}

/** All processes, once they have told of all that they wrote; gauges, too, may be a second old. */
async function settled(): Promise<{ all: Metrics[]; records: Records }> {
  let all: Metrics[] = [];
  let records: Records = { events: {}, transactions: 0 };
  await until('the figures agree with the database', async () => {
    records = await recorded();
    const { events, transactions } = records;
    const live = (await liveByDatabase()).reduce((sum, one) => sum + one, 0);
    all = await Promise.all(stack.services.map((service) => scrape(service)));
    return isDeepStrictEqual(
      [
        eventsIn(all),
        sumOf(all, 'audit_append_duration_seconds_count'),
        ...all.map((one) => sumOf([one], ACTIVE)),
      ],
      [events, transactions, ...all.map(() => live)],
    );
  }).catch(() => undefined); // what differs is better told by the comparison that follows
  return { all, records };
}

const eventsIn = (all: Metrics[]): Record<string, number> =>
  Object.fromEntries(
    AUDIT_EVENTS.map((event) => [event, sumOf(all, 'audit_events_total', { event })] as const).filter(
      ([, rows]) => rows > 0,
    ),
  );

/** Configured projects of which a script that did nothing would find no session. */
const idle = (...projects: string[]): Record<string, number> =>
  Object.fromEntries(projects.map((project) => [project, 0]));

describe('After a script of all that can happen, the ops port', () => {
  let metrics: Metrics;
  let records: Records;
  let seen: ReturnType<Stack['simulator']['seen']>;
  beforeAll(async () => {
    const found = await settled();
    ({ records } = found);
    metrics = found.all[0]!;
    seen = stack.simulator.seen();
  });

  it('shows what happened, each series of it, and no other', () => {
    const { events, transactions } = records;
    const active = { ...idle(PROJECT, ...keys.keys(), KEYLESS, FRESH), ...ledger.live };
    const expected: Record<string, number> = {
      ...ledger.figures,
      error_rate: ledger.failures / ledger.requests,
      audit_append_duration_seconds_count: transactions,
      database_up: 1,
    };
    for (const [project, live] of Object.entries(active)) {
      expected[seriesOf({ name: ACTIVE, labels: { project } })] = live;
      expected[seriesOf({ name: CAP, labels: { project } })] = CAPS[project] ?? DEFAULT_CAP;
    }
    // Those of a minute that ended while the script ran.
    for (const event of ['auth_rejected', 'admin_rejected']) {
      const rows = events[event];
      if (rows !== undefined) expected[seriesOf({ name: 'audit_events_total', labels: { event } })] = rows;
    }
    expect(figuresOf(metrics)).toEqual(expected);
  });

  it('agrees with the audit, the slots and the provider', async () => {
    expect(eventsIn([metrics])).toEqual(records.events);
    const live = Object.values(activeIn(metrics)).filter((sessions) => sessions > 0);
    expect(live.sort((one, other) => one - other)).toEqual(await liveByDatabase());
    const created = sumOf([metrics], 'sessions_total', { outcome: 'created' });
    expect(sumOf([metrics], 'vault_hits_total')).toBe(created);
    expect(sumOf([metrics], 'session_open_duration_seconds_count')).toBe(created);
    expect(sumOf([metrics], 'provider_request_duration_seconds_count')).toBe(seen.requests);
    const [validated, spoilt] = [1, 2 * SPOILT.length];
    expect(seen.mints).toBe(created + validated + spoilt);
    expect(sumOf([metrics], 'sessions_total')).toBe(ledger.requests - 2);
  });

  it('has told of every metric and every way to end', () => {
    const names = new Set(
      metrics.samples.filter(isOurs).map(({ name }) => name.replace(/_(bucket|sum|count)$/, '')),
    );
    expect([...names].sort()).toEqual([...OURS].sort());
    for (const name of names) {
      const parts = metrics.samples.filter((one) => one.name.startsWith(name));
      expect([name, parts.some(({ value }) => value > 0)]).toEqual([name, true]);
    }
    expect(metrics.samples.some(({ name }) => name === 'process_cpu_seconds_total')).toBe(true);
    expect(metrics.samples.some(({ name }) => name.startsWith('nodejs_eventloop_lag'))).toBe(true);
  });

  it.each(HISTOGRAMS)('%s is a histogram', (name) => {
    expect(metrics.types.get(name)).toBe('histogram');
    const buckets = samplesOf(metrics, `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number(labels['le']!.replace('+Inf', 'Infinity')));
    const counts = buckets.map(({ value }) => value);
    expect(bounds).toEqual([...new Set(bounds)].sort((one, other) => one - other));
    expect(counts).toEqual([...counts].sort((one, other) => one - other));
    expect([bounds.at(-1), counts.at(-1)]).toEqual([Infinity, sumOf([metrics], `${name}_count`)]);
    const sum = sumOf([metrics], `${name}_sum`);
    expect(sum).toBeGreaterThan(0);
    expect(sum).toBeLessThan(60 * counts.at(-1)!);
  });

  it('knows how old each key is, and how fresh that knowledge', async () => {
    const before = Date.now();
    const now = await scrape();
    const after = Date.now();
    const ages = samplesOf(now, 'vault_key_age_seconds');
    expect(ages.map(({ labels }) => labels['project']).sort()).toEqual(Object.keys(keyWritten).sort());
    for (const { labels, value } of ages) {
      const written = keyWritten[labels['project']!]!;
      expect(value).toBeGreaterThanOrEqual((before - written) / 1000 - 0.001);
      expect(value).toBeLessThanOrEqual((after - written) / 1000 + 0.001);
    }
    const [lag, ...more] = samplesOf(now, 'vault_sync_lag_seconds');
    expect(more).toEqual([]);
    expect(lag!.value).toBeGreaterThan(0);
    expect(lag!.value).toBeLessThanOrEqual(2);
  });

  it('shows the same as OpenMetrics', async () => {
    const text = await scrape();
    const open = await scrape(stack.services[0], 'application/openmetrics-text; version=1.0.0');
    const counted = ({ samples }: Metrics): Record<string, number> =>
      Object.fromEntries(
        samples
          .filter((one) => isOurs(one) && !/^vault_(key_age|sync_lag)/.test(one.name))
          .map((one) => [seriesOf(one), one.value]),
      );
    expect(counted(open)).toEqual(counted(text));
    expect(open.types.get('sessions')).toBe('counter');
    expect(text.types.get('sessions_total')).toBe('counter');
  });

  it('has totals for everybody, without a project’s id', async () => {
    const text = await stack.request('/metrics');
    const json = await stack.request('/metrics?format=json');
    const accepted = await stack.request('/metrics', { headers: { accept: 'application/json' } });
    const created = sumOf([metrics], 'vault_hits_total');
    expect(json.json).toEqual({
      vault_hits: created,
      vault_hit_ratio: 1,
      error_rate: ledger.failures / ledger.requests,
      sessions_total: created,
      sessions_active: sumOf([metrics], ACTIVE),
      latency_ms: { p50: expect.any(Number), p95: expect.any(Number), p99: expect.any(Number) },
    });
    const { p50, p95, p99 } = json.json.latency_ms;
    expect(0 < p50 && p50 <= p95 && p95 <= p99).toBe(true);
    expect(accepted.json).toEqual(json.json);
    const { vault_hits, sessions_total, sessions_active, error_rate } = json.json;
    expect(figuresOf(parseMetrics(text.text))).toEqual({
      vault_hits_total: vault_hits,
      sessions_total,
      sessions_active,
      error_rate,
    });
    for (const answer of [text, json, accepted]) {
      for (const project of [PROJECT, KEYLESS, FRESH, ...keys.keys()])
        expect(answer.text).not.toContain(project);
    }
  });
});

it('every metric and scope is in docs/observability.md', () => {
  const rows = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8').split('\n');
  for (const name of OURS) expect(rows.filter((row) => row.startsWith(`| \`${name}\` |`))).toHaveLength(1);
  const scopes = rows.find((row) => row.startsWith('| `rate_limited_total`'));
  for (const scope of SCOPES) expect(scopes).toContain(`\`${scope}\``);
});

describe('Another process', () => {
  let replica: ServiceProcess;
  beforeAll(async () => {
    replica = await stack.addService({ VESTIBULE_ADDRESS_LIMIT: '3/3600' });
  });

  it('counts what it did itself, and the same sessions', async () => {
    const [base, own] = [replica.url, new Ledger()];
    const enter = async (asked: Promise<Answer>, status: number, effects: Effects): Promise<void> => {
      expect((await asked).status).toBe(status);
      own.add(effects);
    };
    const ask = (path: string): Promise<Answer> =>
      stack.request(path, { method: 'POST', body: { project_id: PROJECT }, base });
    await enter(ask(OWN), 200, created(PROJECT, 'vault'));
    await enter(ask(COMPATIBLE), 200, created(PROJECT, 'vault'));
    await enter(stack.request('/health', { base }), 200, NOTHING);
    for (const path of [OWN, COMPATIBLE])
      await enter(ask(path), 429, limited('address', 'rate_limited', '', ''));
    await enter(stack.request('/health', { base }), 429, { limited: 'address' });
    const [first, second] = (await settled()).all as [Metrics, Metrics];
    expect(activeIn(second)).toEqual(activeIn(first));
    const limits = [first, second].flatMap((one) => samplesOf(one, 'rate_limited_total'));
    expect(limits.map(({ labels }) => labels['scope']).sort()).toEqual([...SCOPES].sort());
    const figures = Object.entries(figuresOf(second)).filter(
      ([series]) => !/^sessions_(active|max)/.test(series),
    );
    expect(Object.fromEntries(figures)).toEqual({
      ...own.figures,
      error_rate: own.failures / own.requests,
      audit_append_duration_seconds_count: 4,
      database_up: 1,
    });
  });
});

describe('A project that is removed', () => {
  it('takes its series along, also when a request of it ends only then', async () => {
    const key = aKey();
    writeManifests(stack.directory, 'leaving.json', [
      aProject(stack.simulator.url, LEAVING, { turn: relaysOf('no-relay') }),
      aSecret(LEAVING, key),
    ]);
    await until('it is served', async () => (await stack.admin('/projects')).text.includes(LEAVING));
    await step(openFor(OWN, LEAVING), 200, created(LEAVING, 'vault'));
    const isOfIt = ({ labels }: Sample): boolean => labels['project'] === LEAVING;
    await until('its session is counted', async () =>
      samplesOf(await scrape(), ACTIVE).some((one) => isOfIt(one) && one.value === 1),
    );
    const before = await scrape();
    expect(new Set(before.samples.filter(isOfIt).map(({ name }) => name))).toEqual(
      new Set([
        'vault_hits_total',
        'sessions_total',
        ACTIVE,
        CAP,
        'vault_key_age_seconds',
        'turn_requests_total',
      ]),
    );
    const public_ = (await stack.request('/metrics?format=json')).json;
    stack.simulator.fault({ kind: 'latency', ms: 1_500, times: 1, key_fingerprint: fingerprintOf(key) });
    const late = openFor(OWN, LEAVING);
    await until('the provider is asked', () => stack.simulator.seen().in_flight === 1);
    removeManifests(stack.directory, 'leaving.json');
    await until('its series are gone', async () => !(await scrape()).samples.some(isOfIt));
    expect(stack.simulator.seen().in_flight).toBe(1);
    expect((await late).json.error).toBe('suspended');
    await step(openFor(OWN, LEAVING), 401, unauthorized);
    const { all, records } = await settled();
    expect(all.flatMap(({ samples }) => samples).filter(isOfIt)).toEqual([]);
    const unlabelled = samplesOf(all[0]!, 'sessions_total').filter(
      ({ labels }) => labels['outcome'] === 'suspended' && labels['project'] === '',
    );
    expect(unlabelled).toEqual([
      { name: 'sessions_total', labels: { project: '', flow: 'vault', outcome: 'suspended' }, value: 1 },
    ]);
    expect(eventsIn(all)).toEqual(records.events);
    // A total that fell would read as a restart.
    expect((await stack.request('/metrics?format=json')).json.sessions_total).toBe(public_.sessions_total);
  });
});

describe('Rejections', () => {
  it('are told once their minute is over and they are recorded', async () => {
    process.kill(stack.services[0]!.pid, 'SIGUSR2');
    const told = async (): Promise<Record<string, number>> => {
      const rows = await stack.database.query<{ event: string; times: number }>(
        `SELECT event, sum((detail->>'count')::integer)::integer AS times FROM audit_events
         WHERE event IN ('auth_rejected', 'admin_rejected') GROUP BY event`,
      );
      return Object.fromEntries(rows.map(({ event, times }) => [event, times]));
    };
    await until('they are recorded', async () => isDeepStrictEqual(await told(), ledger.rejected));
    const { all, records } = await settled();
    expect(eventsIn(all)).toEqual(records.events);
    expect(Object.keys(eventsIn(all)).sort()).toEqual([...AUDIT_EVENTS].sort());
  });
});
