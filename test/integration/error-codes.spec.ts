import { randomUUID } from 'node:crypto';
import type { ErrorCode } from '../../src/common/app-error.ts';
import { type Fault, fingerprintOf } from '../simulator/simulator.ts';
import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import { askOnce } from '../support/raw-http.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const OWN = '/session';
const COMPATIBLE = '/v1/realtime/client_secrets';

/** One way to meet a code. */
interface Case {
  status: number;
  /** Asks a route that opens sessions until it answers with the code. */
  opening?: (route: string) => Promise<Answer>;
  /** Asks another route. */
  elsewhere?: () => Promise<Answer>;
}

const PROJECTS: Record<string, Record<string, unknown>> = {
  proj_suspended: { suspended: true },
  proj_window: { limits: { requests: 1, windowSeconds: 900 } },
  proj_quota: { limits: { sessionsPerMonth: 0 } },
  proj_full: { session: { maxConcurrent: 1 } },
  proj_flooding: {},
  proj_rejected: {},
  proj_broken: {},
  proj_silent: {},
};
const KEYLESS = 'proj_keyless';

let stack: Stack;
const keys = new Map(Object.keys(PROJECTS).map((id) => [id, aKey()]));
/** Asked first and awaited in their turn, since a silent provider takes the whole deadline. */
const silence = new Map<string, Promise<Answer>>();

const open = (route: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  stack.request(route, { method: 'POST', body, headers });
const openFor = (route: string, projectId: string): Promise<Answer> => open(route, { project_id: projectId });
const openAs = async (route: string, client: string, body: unknown = {}): Promise<Answer> =>
  open(route, body, { authorization: `Bearer ${await stack.token(client)}` });
/** The second answer of two: the first takes what there is. */
const openTwice = async (route: string, projectId: string): Promise<Answer> => {
  await openFor(route, projectId);
  return openFor(route, projectId);
};
const strike = (projectId: string, fault: Fault): void => {
  stack.simulator.fault({ ...fault, key_fingerprint: fingerprintOf(keys.get(projectId)!) });
};

/** A new code without a case is a type error. */
const CASES: Record<ErrorCode, Case[]> = {
  invalid_request: [
    { status: 400, opening: (route) => open(route, { project_id: PROJECT, surprise: true }) },
  ],
  invalid_key: [{ status: 400, elsewhere: depositRevokedKey }],
  unauthorized: [{ status: 401, opening: (route) => openFor(route, 'proj_unknown') }],
  forbidden: [{ status: 403, opening: (route) => openAs(route, 'acme', { project_id: 'proj_full' }) }],
  suspended: [{ status: 403, opening: (route) => openFor(route, 'proj_suspended') }],
  not_found: [{ status: 404, elsewhere: () => stack.request('/nowhere') }],
  method_not_allowed: [{ status: 405, opening: (route) => stack.request(route, { method: 'PUT' }) }],
  idempotency_conflict: [{ status: 409, opening: useAKeyForTwoBodies }],
  session_ended: [{ status: 410, elsewhere: renewAReleasedSession }],
  payload_too_large: [
    {
      status: 413,
      opening: (route) => open(route, { project_id: PROJECT, padding: 'x'.repeat(64 * 1024) }),
    },
  ],
  unsupported_media_type: [
    {
      status: 415,
      opening: (route) => open(route, { project_id: PROJECT }, { 'content-type': 'application/xml' }),
    },
  ],
  misdirected: [{ status: 421, opening: askUnderAnotherName }],
  rate_limited: [{ status: 429, opening: (route) => openTwice(route, 'proj_window') }],
  quota_exceeded: [{ status: 429, opening: (route) => openFor(route, 'proj_quota') }],
  concurrency_limit_exceeded: [{ status: 429, opening: (route) => openTwice(route, 'proj_full') }],
  provider_rate_limited: [{ status: 429, opening: (route) => openFor(route, 'proj_flooding') }],
  internal: [{ status: 500, opening: replayASpoiltAnswer }],
  provider_rejected_key: [{ status: 502, opening: (route) => openFor(route, 'proj_rejected') }],
  provider_error: [
    { status: 502, opening: (route) => openFor(route, 'proj_broken') },
    { status: 504, opening: (route) => silence.get(route)! },
  ],
  unavailable: [{ status: 503, opening: openWithoutDatabase }],
  key_unavailable: [{ status: 503, opening: (route) => openAs(route, 'keyless') }],
};

function depositRevokedKey(): Promise<Answer> {
  const revoked = aKey();
  stack.simulator.revoke(fingerprintOf(revoked));
  return stack.admin('/projects/key', {
    body: { project_id: PROJECT, openai_key: revoked, validate: true },
  });
}

async function useAKeyForTwoBodies(route: string): Promise<Answer> {
  const headers = { 'idempotency-key': randomUUID() };
  expect((await open(route, { project_id: PROJECT }, headers)).status).toBe(200);
  const other = route === OWN ? { voice: 'echo' } : { expires_after: { anchor: 'created_at', seconds: 30 } };
  return open(route, { project_id: PROJECT, ...other }, headers);
}

async function renewAReleasedSession(): Promise<Answer> {
  const { session_id: id, lease_token: token } = (await openFor(OWN, PROJECT)).json;
  const headers = { authorization: `Bearer ${token}` };
  const released = await stack.request(`/session/${id}`, { method: 'DELETE', headers });
  expect(released.status).toBe(204);
  return stack.request(`/session/${id}/heartbeat`, { method: 'POST', headers });
}

/** By hand, since fetch chooses the Host header itself. */
async function askUnderAnotherName(route: string): Promise<Answer> {
  const answer = await askOnce(
    stack.url,
    `POST ${route} HTTP/1.1\r\nHost: evil.example.net\r\nContent-Length: 0\r\n\r\n`,
  );
  return { ...answer!, headers: new Headers(answer!.headers) };
}

/** The kept answer's seal no longer fits, as after a damaged restore. */
async function replayASpoiltAnswer(route: string): Promise<Answer> {
  const idempotencyKey = randomUUID();
  const replay = (): Promise<Answer> =>
    open(route, { project_id: PROJECT }, { 'idempotency-key': idempotencyKey });
  const { json: kept } = await replay();
  await stack.database.query(
    `UPDATE idempotency SET sealed_answer = set_byte(sealed_answer, 99, 255 - get_byte(sealed_answer, 99))
     WHERE session_id = $1`,
    [kept.session_id],
  );
  const answer = await replay();
  const told = await until('the defect is logged', () =>
    stack.services[0]!.output.find(
      (line) => line.includes(String(answer.json.request_id)) && line.includes('"level":"error"'),
    ),
  );
  for (const secret of [stack.key, kept.value, kept.lease_token, idempotencyKey]) {
    expect(told).not.toContain(secret);
  }
  return answer;
}

/** The database takes no connection of this service's role, and has ended those that there were. */
async function openWithoutDatabase(route: string): Promise<Answer> {
  const { database } = stack;
  await database.query(`ALTER DATABASE ${database.name} CONNECTION LIMIT 0`);
  try {
    await database.query(
      `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
       WHERE datname = current_database() AND pid <> pg_backend_pid() AND NOT
         (SELECT rolsuper FROM pg_roles WHERE oid = usesysid)`,
    );
    return await openFor(route, PROJECT);
  } finally {
    await database.query(`ALTER DATABASE ${database.name} CONNECTION LIMIT -1`);
  }
}

/** What every refusal carries, whatever its code. */
function expectCommon(answer: Answer, status: number): void {
  const { headers, json } = answer;
  expect(answer.status).toBe(status);
  expect(headers.get('x-request-id')).toMatch(/^req_[0-9a-z]{26}$/);
  expect(json.request_id).toBe(headers.get('x-request-id'));
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('content-type')).toMatch(/^application\/json\b/);
  expect(headers.get('retry-after')).toEqual(
    [429, 503].includes(status) ? expect.stringMatching(/^[1-9]\d*$/) : null,
  );
  if (status === 429) {
    // The second in which both were computed may have passed before the answer was there.
    const wait = json.resetAt - Date.now() / 1000 - Number(headers.get('retry-after'));
    expect(Math.abs(wait)).toBeLessThanOrEqual(2);
  }
}

/** The fields beside those that every envelope has. */
function extraFields(code: string, status: number): string[] {
  return [
    'request_id',
    ...(code === 'invalid_request' ? ['details'] : []),
    ...(status === 429 ? ['resetAt'] : []),
  ];
}

const TABLE = Object.entries(CASES).flatMap(([code, cases]) =>
  cases.map((one) => [code, one.status, one] as const),
);

beforeAll(async () => {
  stack = await startStack({
    project: { session: { maxConcurrent: 1000 } },
    manifests: (baseUrl) => [
      ...Object.entries(PROJECTS).flatMap(([id, spec]) => [
        aProject(baseUrl, id, spec),
        aSecret(id, keys.get(id)!),
      ]),
      aProject(baseUrl, KEYLESS),
      aClient('acme', PROJECT),
      aClient('keyless', KEYLESS),
    ],
  });
  strike('proj_silent', { kind: 'never' });
  for (const route of [OWN, COMPATIBLE]) silence.set(route, openFor(route, 'proj_silent'));
  strike('proj_flooding', { kind: 'status', status: 429, retryAfter: 17 });
  strike('proj_rejected', { kind: 'status', status: 401 });
  strike('proj_broken', { kind: 'garbage' });
});
afterAll(async () => {
  await stack.stop();
});

describe('from outside one can meet', () => {
  it.each(TABLE)('%s (%i)', async (code, status, { opening, elsewhere }) => {
    const answer = await (opening === undefined ? elsewhere!() : opening(OWN));
    expectCommon(answer, status);
    expect(answer.json).toMatchObject({ error: code, message: expect.stringMatching(/\S/) });
    expect(Object.keys(answer.json).sort()).toEqual(
      ['error', 'message', ...extraFields(code, status)].sort(),
    );
  });
});

describe('in the provider’s envelope one can meet', () => {
  it.each(TABLE.filter(([, , { opening }]) => opening !== undefined))(
    '%s (%i)',
    async (code, status, { opening }) => {
      const answer = await opening!(COMPATIBLE);
      expectCommon(answer, status);
      expect(answer.json.error).toEqual({
        message: expect.stringMatching(/\S/),
        type: status === 429 ? 'rate_limit_error' : status >= 500 ? 'server_error' : 'invalid_request_error',
        param: null,
        code,
      });
      expect(Object.keys(answer.json).sort()).toEqual(['error', ...extraFields(code, status)].sort());
      const final = ['concurrency_limit_exceeded', 'quota_exceeded'].includes(code);
      expect(answer.headers.get('x-should-retry')).toBe(final ? 'false' : null);
    },
  );
});

it('a defect tells its caller nothing but where to look in the log', async () => {
  const { json } = await replayASpoiltAnswer(OWN);
  expect(json).toEqual({ error: 'internal', message: 'The service failed.', request_id: json.request_id });
});
