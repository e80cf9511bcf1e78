import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import { exchange } from '../support/raw-http.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { type Answer, PROJECT, type RequestOptions, startStack, type Stack } from '../support/stack.ts';

const SECRETS = '/v1/realtime/client_secrets';
const ROUTES = ['/session', SECRETS, '/turn-credentials'];
const SITE = 'https://app.example.com';
const OTHER_SITE = 'https://evil.example.net';
const TOO_LARGE = JSON.stringify({ instructions: 'x'.repeat(64 * 1024) });
const REQUEST_ID = /^req_[0-9a-z]{26}$/;

interface Asked {
  projectId?: string;
  headers?: Record<string, string>;
  base?: string;
}

let stack: Stack;
/** Counts addresses that the test, as the trusted proxy, names; answers to few hosts. */
let limited: ServiceProcess;
/** Counts addresses and trusts no proxy. */
let suspicious: ServiceProcess;

beforeAll(async () => {
  stack = await startStack({
    project: { session: { maxConcurrent: 1000 } },
    manifests: (baseUrl) => [
      aProject(baseUrl, 'proj_keyless'),
      aProject(baseUrl, 'proj_disabled', { access: { projectId: 'Disabled' } }),
      aSecret('proj_disabled', aKey()),
      aProject(baseUrl, 'proj_listed', { access: { allowedOrigins: [SITE] } }),
      aSecret('proj_listed', aKey()),
      aProject(baseUrl, 'proj_suspended', { suspended: true }),
      aSecret('proj_suspended', aKey()),
      aProject(baseUrl, 'proj_full', { session: { maxConcurrent: 1 } }),
      aSecret('proj_full', aKey()),
      aProject(baseUrl, 'proj_spent', { limits: { sessionsPerMonth: 0 } }),
      aSecret('proj_spent', aKey()),
      aClient('acme', PROJECT),
      aClient('held', PROJECT, { suspended: true }),
      aClient('managed', 'proj_disabled'),
      aClient('keyless', 'proj_keyless'),
      aClient('homeless', 'proj_nowhere'),
      aClient('of_suspended', 'proj_suspended'),
      aClient('web', 'proj_listed'),
    ],
  });
  [limited, suspicious] = await Promise.all([
    stack.addService({
      VESTIBULE_ADDRESS_LIMIT: '3/60',
      VESTIBULE_TRUST_PROXY: '127.0.0.0/8',
      VESTIBULE_HOSTS: '127.0.0.1,API.example.com',
    }),
    stack.addService({ VESTIBULE_ADDRESS_LIMIT: '2/60' }),
  ]);
});
afterAll(async () => {
  await stack.stop();
});

/** Any of the three routes, as a client calls it. */
function call(route: string, { projectId, headers = {}, base }: Asked = {}): Promise<Answer> {
  const where: RequestOptions = base === undefined ? { headers } : { headers, base };
  const named: Record<string, string> = projectId === undefined ? {} : { project_id: projectId };
  return route === '/turn-credentials'
    ? stack.request(`${route}?${new URLSearchParams(named).toString()}`, where)
    : stack.request(route, { ...where, body: named });
}

/** A JWT in the header that carries it. */
async function as(client: string): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await stack.token(client)}` };
}

function expectRefusal(route: string, answer: Answer, status: number, code: string): void {
  const message = expect.stringMatching(/\S/) as unknown;
  const extra = status === 429 ? { resetAt: expect.any(Number) as unknown } : {};
  const type = status === 429 ? 'rate_limit_error' : status >= 500 ? 'server_error' : 'invalid_request_error';
  expect([answer.status, answer.json]).toEqual([
    status,
    route === SECRETS
      ? {
          error: { message, type, param: null, code },
          request_id: expect.stringMatching(REQUEST_ID),
          ...extra,
        }
      : { error: code, message, request_id: expect.stringMatching(REQUEST_ID), ...extra },
  ]);
  expect(answer.headers.get('x-request-id')).toBe(answer.json.request_id);
  expect(answer.headers.get('cache-control')).toBe('no-store');
}

function expectVaultOnly(route: string, answer: Answer): void {
  expectRefusal(route, answer, 401, 'unauthorized');
  expect(route === SECRETS ? answer.json.error.message : answer.json.message).toContain('vault-only');
}

/** All of an answer that could tell one refusal from another. */
function visible({ status, headers, text, json }: Answer): unknown {
  const kept = [...headers].filter(([name]) => name !== 'date' && name !== 'x-request-id');
  return { status, headers: kept, text: text.replace(json.request_id, '') };
}

describe.each(ROUTES)('vault-only on %s', (route) => {
  it.each([
    ['with a key', aKey()],
    ['with nothing in it', ''],
  ])('refuses an X-OpenAI-API-Key header %s, whatever else is sent', async (_what, value) => {
    const headers = { 'x-openai-api-key': value };
    expectVaultOnly(route, await call(route, { projectId: PROJECT, headers }));
    expectVaultOnly(route, await call(route, { headers: { ...headers, ...(await as('acme')) } }));
  });

  it.each([
    ['a provider key', () => `Bearer ${aKey()}`],
    ['Basic', () => `Basic ${Buffer.from('acme:secret').toString('base64')}`],
    ['an empty value', () => ''],
    ['a scheme alone', () => 'Bearer'],
    ['a token without a scheme', () => stack.token('acme')],
    ['another scheme before a valid token', async () => `Token ${await stack.token('acme')}`],
    ['something after a valid token', async () => `Bearer ${await stack.token('acme')} ${aKey()}`],
    ['something before a valid scheme', async () => `x Bearer ${await stack.token('acme')}`],
  ])('refuses an Authorization that is %s, even beside a good project_id', async (_what, value) => {
    const headers = { authorization: await value() };
    expectVaultOnly(route, await call(route, { projectId: PROJECT, headers }));
  });

  it('refuses a second Authorization beside a valid token', async () => {
    const method = route === '/turn-credentials' ? 'GET' : 'POST';
    const [answer] = await exchange(
      stack.url,
      `${method} ${route} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: 0\r\n` +
        `Authorization: Bearer ${await stack.token('acme')}\r\nAuthorization: Bearer ${aKey()}\r\n\r\n`,
    );
    expect(answer?.status).toBe(401);
  });

  it('refuses whom nothing names', async () => {
    expectVaultOnly(route, await call(route));
  });

  it('answers alike whatever is wrong with a project_id', async () => {
    const refused = await Promise.all([
      call(route, { projectId: 'proj_unknown' }),
      call(route, { projectId: 'no project id at all' }),
      call(route, { projectId: 'proj_keyless' }),
      call(route, { projectId: 'proj_disabled' }),
    ]);
    for (const answer of refused) {
      expectVaultOnly(route, answer);
      expect(visible(answer)).toEqual(visible(refused[0]));
    }
  });

  it('answers alike to sites: an Origin that is not listed, `null`, and an unknown project', async () => {
    const refused = await Promise.all([
      call(route, { projectId: 'proj_unknown', headers: { origin: SITE } }),
      call(route, { projectId: 'proj_keyless', headers: { origin: SITE } }),
      call(route, { projectId: 'proj_listed', headers: { origin: OTHER_SITE } }),
      call(route, { projectId: 'proj_listed', headers: { origin: 'null' } }),
      call(route, { projectId: 'proj_listed', headers: { origin: `${SITE}.example.net` } }),
    ]);
    for (const answer of refused) {
      expectVaultOnly(route, answer);
      expect(visible(answer)).toEqual(visible(refused[0]));
    }
  });

  it('serves a listed Origin, and scripts, which send none', async () => {
    const answers = await Promise.all([
      call(route, { projectId: 'proj_listed', headers: { origin: SITE } }),
      call(route, { projectId: 'proj_listed' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  it('serves a client’s JWT where a bare project_id is disabled', async () => {
    expect((await call(route, { headers: await as('managed') })).status).toBe(200);
  });

  it('lets a JWT beside its own project_id win, and refuses it beside another', async () => {
    const headers = await as('acme');
    const own = await call(route, { projectId: PROJECT, headers });
    expect([own.status, own.json.metadata?.flow ?? own.json._auth_method]).toEqual([
      200,
      route === '/turn-credentials' ? 'jwt' : 'commercial',
    ]);
    expectRefusal(route, await call(route, { projectId: 'proj_listed', headers }), 403, 'forbidden');
    expectRefusal(route, await call(route, { projectId: 'proj_unknown', headers }), 403, 'forbidden');
  });

  it('tells suspended projects and clients so', async () => {
    const refused = await Promise.all([
      call(route, { projectId: 'proj_suspended' }),
      call(route, { headers: await as('of_suspended') }),
      call(route, { headers: await as('held') }),
    ]);
    for (const answer of refused) expectRefusal(route, answer, 403, 'suspended');
  });

  it('refuses a JWT of nobody’s', async () => {
    expectVaultOnly(route, await call(route, { headers: await as('nobody') }));
  });

  it.each(['keyless', 'homeless'])('tells a client without a key to come back later: %s', async (client) => {
    const answer = await call(route, { headers: await as(client) });
    expectRefusal(route, answer, 503, 'key_unavailable');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('before anything is done', () => {
  it.each(['/session', SECRETS])(
    'refuses a key header on %s while the body is still to come',
    async (path) => {
      const [answer] = await exchange(
        stack.url,
        `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n` +
          `X-OpenAI-API-Key: ${aKey()}\r\nContent-Length: 1000\r\n\r\n{`,
      );
      expect(answer?.status).toBe(401);
    },
  );

  it('touches no key, takes no slot and calls nobody for whom it refuses', async () => {
    const done = async (): Promise<unknown> => [
      stack.simulator.seen().log.length,
      await stack.database.query('SELECT count(*) FROM sessions'),
      await stack.database.query(`SELECT count(*) FROM audit_events WHERE event = 'vault_key_loaded'`),
    ];
    const before = await done();
    for (const route of ROUTES) {
      await call(route, { projectId: PROJECT, headers: { 'x-openai-api-key': aKey() } });
      await call(route, { projectId: PROJECT, headers: { authorization: `Bearer ${aKey()}` } });
      await call(route, { projectId: 'proj_disabled' });
      await call(route, { projectId: 'proj_suspended' });
    }
    expect(await done()).toEqual(before);
  });
});

describe.each(['/session', SECRETS])('the precedence of refusals on %s', (route) => {
  const plain = { 'content-type': 'text/plain' };
  const keyHeader = { 'x-openai-api-key': '' };
  const noJwt = { authorization: 'Bearer x' };
  const badField = { no_such_field: 1 };

  const cases: [string, number, () => RequestOptions | Promise<RequestOptions>][] = [
    ['a wrong method before a key header', 405, () => ({ method: 'PUT', headers: keyHeader, body: {} })],
    ['a key header before 413', 401, () => ({ headers: keyHeader, body: TOO_LARGE })],
    ['a key header before 415', 401, () => ({ headers: { ...keyHeader, ...plain }, body: '{}' })],
    [
      'a key header before 415 of a type that is none',
      401,
      () => ({ headers: { ...keyHeader, 'content-type': '/' }, body: '{}' }),
    ],
    ['a key header before a malformed body', 401, () => ({ headers: keyHeader, body: '{' })],
    ['a bad Authorization before 413', 401, () => ({ headers: noJwt, body: TOO_LARGE })],
    ['a bad Authorization before 415', 401, () => ({ headers: { ...noJwt, ...plain }, body: '{}' })],
    ['a bad Authorization before a malformed body', 401, () => ({ headers: noJwt, body: '{' })],
    ['413 before 415', 413, () => ({ headers: plain, body: TOO_LARGE })],
    ['415 before a malformed body', 415, () => ({ headers: plain, body: '{' })],
    ['415 before no credentials', 415, () => ({ headers: plain, body: '{}' })],
    ['413 before a stranger’s JWT', 413, async () => ({ headers: await as('nobody'), body: TOO_LARGE })],
    ['a malformed body before no credentials', 400, () => ({ body: '{' })],
    [
      'a malformed body before a stranger’s JWT',
      400,
      async () => ({ headers: await as('nobody'), body: '{' }),
    ],
    ['no credentials before bad fields', 401, () => ({ body: badField })],
    ['an unknown project before bad fields', 401, () => ({ body: { project_id: 'proj_x', ...badField } })],
    [
      'a stranger’s JWT before bad fields',
      401,
      async () => ({ headers: await as('nobody'), body: badField }),
    ],
    [
      'a suspended project before bad fields',
      403,
      () => ({ body: { project_id: 'proj_suspended', ...badField } }),
    ],
    [
      'another’s project before bad fields',
      403,
      async () => ({ headers: await as('acme'), body: { project_id: 'proj_x', ...badField } }),
    ],
    [
      'bad fields before an exhausted quota',
      400,
      () => ({ body: { project_id: 'proj_spent', ...badField } }),
    ],
    ['bad fields before a missing key', 400, async () => ({ headers: await as('keyless'), body: badField })],
  ];

  it.each(cases)('puts %s: %i', async (_order, status, request) => {
    const answer = await stack.request(route, await request());
    expect(answer.status).toBe(status);
    expect(answer.json.request_id).toBe(answer.headers.get('x-request-id'));
  });

  it('names the fields that are wrong', async () => {
    const { json } = await stack.request(route, { body: { project_id: PROJECT, ...badField } });
    expect(json.details).toEqual([{ path: '/', message: expect.any(String) }]);
  });
});

describe('unserved paths and methods', () => {
  it('answers an unknown path 404, in our envelope', async () => {
    const answer = await stack.request('/nowhere', { headers: { 'x-openai-api-key': '' } });
    expectRefusal('/nowhere', answer, 404, 'not_found');
  });

  it.each([
    ['/session', 'GET', 'POST'],
    [SECRETS, 'GET', 'POST'],
    ['/turn-credentials', 'POST', 'GET'],
    ['/session/ses_x/heartbeat', 'GET', 'POST'],
    ['/audit-logs', 'DELETE', 'GET'],
    ['/projects/key', 'GET', 'POST, DELETE'],
    ['/projects/x', 'GET', 'PATCH'],
  ])('says of %s, asked by %s, that it takes %s', async (path, method, allow) => {
    const answer = await stack.request(path, { method });
    expectRefusal(path, answer, 405, 'method_not_allowed');
    expect(answer.headers.get('allow')).toBe(allow);
  });
});

it('speaks the provider’s language and CORS however the path is spelled', async () => {
  const path = '/v1/realtime/client%5Fsecrets';
  const answer = await stack.request(path, { body: {}, headers: { origin: OTHER_SITE } });
  expectVaultOnly(SECRETS, answer);
  expect(answer.headers.get('access-control-allow-origin')).toBe('*');
});

describe('429 in the provider’s language', () => {
  it('tells SDKs not to retry for a slot or a quota, and how long to wait', async () => {
    const first = await call(SECRETS, { projectId: 'proj_full' });
    expect(first.status).toBe(200);
    const full = await call(SECRETS, { projectId: 'proj_full' });
    const spent = await call(SECRETS, { projectId: 'proj_spent' });
    expectRefusal(SECRETS, full, 429, 'concurrency_limit_exceeded');
    expectRefusal(SECRETS, spent, 429, 'quota_exceeded');
    for (const { headers, json } of [full, spent]) {
      expect(headers.get('x-should-retry')).toBe('false');
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      expect(json.resetAt).toBeGreaterThan(Date.now() / 1000 - 1);
    }
  });
});

describe('CORS', () => {
  const listed = { projectId: 'proj_listed', headers: { origin: SITE } };

  it.each([
    '/session',
    SECRETS,
    '/turn-credentials',
    '/session/ses_x',
    '/session/ses_x/heartbeat',
    '/session/ses_x/release',
  ])('answers a preflight on %s for any site, without credentials', async (path) => {
    const { status, headers, text } = await stack.request(path, {
      method: 'OPTIONS',
      headers: {
        origin: OTHER_SITE,
        'access-control-request-method': 'POST',
        'access-control-request-headers':
          'Authorization, OpenAI-Beta, x-stainless-lang, X-OpenAI-API-Key, cookie',
      },
    });
    expect([status, text]).toEqual([204, '']);
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('access-control-allow-credentials')).toBeNull();
    expect(headers.get('access-control-allow-methods')).toMatch(/GET|POST/);
    expect(headers.get('access-control-allow-headers')?.split(', ')).toEqual([
      'authorization',
      'content-type',
      'idempotency-key',
      'traceparent',
      'openai-beta',
      'x-stainless-lang',
    ]);
    expect(headers.get('x-request-id')).toMatch(REQUEST_ID);
  });

  it.each(ROUTES)('lets the listed site read an answer of %s, and no credentials', async (route) => {
    const { headers } = await call(route, listed);
    expect(headers.get('access-control-allow-origin')).toBe(SITE);
    expect(headers.get('access-control-allow-credentials')).toBeNull();
    expect(headers.get('vary')).toMatch(/\bOrigin\b/);
    const exposed = headers.get('access-control-expose-headers')?.split(', ').sort();
    expect(exposed).toEqual([
      'Retry-After',
      'X-RateLimit-Limit',
      'X-RateLimit-Remaining',
      'X-RateLimit-Reset',
      'X-Request-Id',
    ]);
  });

  it('lets any site read the answers of a project that lists none, refusals among them', async () => {
    const headers = { origin: OTHER_SITE };
    const opened = await call('/session', { projectId: PROJECT, headers });
    const refused = await stack.request('/session', { headers, body: { project_id: PROJECT, model: 5 } });
    expect([opened.status, refused.status]).toEqual([200, 400]);
    for (const answer of [opened, refused]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe(OTHER_SITE);
    }
  });

  it('does not let another site read what a client of a listed project gets', async () => {
    const { headers } = await call('/session', { headers: { ...(await as('web')), origin: OTHER_SITE } });
    expect(headers.get('access-control-allow-origin')).not.toBe(OTHER_SITE);
    expect(headers.get('vary')).toMatch(/\bOrigin\b/);
  });

  it.each(ROUTES)('lets every site read a 401 of %s', async (route) => {
    const { headers } = await call(route, { projectId: 'proj_listed', headers: { origin: OTHER_SITE } });
    expect(headers.get('access-control-allow-origin')).toBe('*');
    expect(headers.get('access-control-expose-headers')).toContain('X-Request-Id');
  });

  it('varies by Origin also for who sends none, so that no cache mixes answers up', async () => {
    expect((await call('/session', { projectId: PROJECT })).headers.get('vary')).toMatch(/\bOrigin\b/);
  });

  it.each(['/projects', '/projects/key', '/audit-logs', '/sessions', '/health/vault', '/sessions/ses_x'])(
    'does not exist on the admin route %s',
    async (path) => {
      const answers = await Promise.all([
        stack.request(path, {
          method: 'OPTIONS',
          headers: { origin: SITE, 'access-control-request-method': 'GET' },
        }),
        stack.request(path, { headers: { origin: SITE } }),
        stack.admin(path, { headers: { origin: SITE } }),
      ]);
      for (const { status, headers } of answers) {
        expect(status).not.toBe(204);
        expect([...headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
      }
    },
  );
});

describe('the address limit', () => {
  const from = (address: string): Record<string, string> => ({ 'x-forwarded-for': address });
  const health = (service: ServiceProcess, headers: Record<string, string>): Promise<Answer> =>
    stack.request('/health', { base: service.url, headers });
  const statuses = async (...addresses: string[]): Promise<number[]> => {
    const found: number[] = [];
    for (const address of addresses) found.push((await health(limited, from(address))).status);
    return found;
  };

  it('counts down and then refuses, saying until when', async () => {
    const now = Date.now() / 1000;
    const headers = from('192.0.2.1');
    const answers: Answer[] = [];
    for (const _ of [1, 2, 3]) answers.push(await health(limited, headers));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(answers.map((answer) => answer.headers.get('x-ratelimit-remaining'))).toEqual(['2', '1', '0']);

    const refused = await health(limited, headers);
    expectRefusal('/health', refused, 429, 'rate_limited');
    expect(refused.headers.get('x-ratelimit-limit')).toBe('3');
    expect(refused.headers.get('x-ratelimit-remaining')).toBe('0');
    expect(refused.headers.get('x-ratelimit-reset')).toBe(String(refused.json.resetAt));
    const wait = Number(refused.headers.get('retry-after'));
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(60);
    expect(refused.json.resetAt).toBeGreaterThanOrEqual(Math.floor(now + 59));
    expect(refused.json.resetAt).toBeLessThanOrEqual(Math.ceil(Date.now() / 1000 + 60));
  });

  it('comes after 404 and 405, and before a key header and an admin key', async () => {
    const address = '192.0.2.2';
    const base = limited.url;
    expect(await statuses(address, address, address)).toEqual([200, 200, 200]);
    const keyed = { ...from(address), 'x-openai-api-key': '' };
    for (const route of ROUTES) {
      expectRefusal(route, await call(route, { headers: keyed, base }), 429, 'rate_limited');
    }
    expect((await stack.admin('/projects', { base, headers: from(address) })).status).toBe(429);
    expect((await stack.request('/nowhere', { base, headers: keyed })).status).toBe(404);
    expect((await stack.request('/session', { base, headers: keyed, method: 'PUT' })).status).toBe(405);
  });

  it('counts a /64 of IPv6 as one, and IPv4 in IPv6 as IPv4', async () => {
    expect(
      await statuses('2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:DB8:1:2:0:0:0:7', '2001:db8:1:2::1'),
    ).toEqual([200, 200, 200, 429]);
    expect(await statuses('2001:db8:1:3::1')).toEqual([200]);
    expect(await statuses('192.0.2.3', '::ffff:192.0.2.3', '::ffff:c000:203', '192.0.2.3')).toEqual([
      200, 200, 200, 429,
    ]);
  });

  it('believes of X-Forwarded-For only what the trusted proxy added', async () => {
    expect(
      await statuses(
        '203.0.113.1, 192.0.2.4',
        '203.0.113.2, 192.0.2.4',
        '203.0.113.3, 192.0.2.4, 127.0.0.9',
        '203.0.113.4, 192.0.2.4',
      ),
    ).toEqual([200, 200, 200, 429]);
  });

  it('believes no X-Forwarded-For of whom nobody trusts', async () => {
    const answers: number[] = [];
    for (const address of ['192.0.2.5', '192.0.2.6', '192.0.2.7']) {
      answers.push((await health(suspicious, from(address))).status);
    }
    expect(answers).toEqual([200, 200, 429]);
  });
});

describe('the Host', () => {
  const ask = async (
    base: string,
    host: string,
    path = '/health',
  ): Promise<[number | undefined, unknown]> => {
    const [answer] = await exchange(
      base,
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n`,
    );
    expect(answer?.headers['x-request-id']).toMatch(REQUEST_ID);
    expect(answer?.headers['cache-control']).toBe('no-store');
    return [answer?.status, answer?.json.error];
  };

  it('is served when it is listed, with any port and in any case', async () => {
    expect(await ask(limited.url, 'api.EXAMPLE.com:8443')).toEqual([200, undefined]);
  });

  it.each(['evil.example.net', 'api.example.com.evil.net', 'localhost', 'x@api.example.com'])(
    'is refused as misdirected otherwise: %s',
    async (host) => {
      expect(await ask(limited.url, host)).toEqual([421, 'misdirected']);
    },
  );

  it('is loopback outside production when none is listed', async () => {
    expect((await ask(stack.url, 'localhost:3000'))[0]).toBe(200);
    expect((await ask(stack.url, '[::1]:3000'))[0]).toBe(200);
    expect(await ask(stack.url, 'evil.example.net')).toEqual([421, 'misdirected']);
  });

  it('is refused in the provider’s language where that is spoken', async () => {
    const [, error] = await ask(stack.url, 'evil.example.net', SECRETS);
    expect(error).toMatchObject({ code: 'misdirected', type: 'invalid_request_error' });
  });
});

describe('the request id', () => {
  it('is ours on every answer, never the caller’s', async () => {
    const headers = { 'x-request-id': 'req_of-the-caller', 'request-id': 'req_of-the-caller' };
    const answers = await Promise.all([
      stack.request('/health', { headers }),
      stack.request('/metrics', { headers }),
      stack.request('/nowhere', { headers }),
      stack.request('/session', { headers, body: {} }),
      stack.request('/session', { headers, body: { project_id: PROJECT } }),
      stack.request('/projects', { headers }),
      stack.request('/%zz', { headers }),
      stack.admin('/audit-logs', { headers }),
    ]);
    const ids = answers.map((answer) => answer.headers.get('x-request-id'));
    for (const id of ids) expect(id).toMatch(REQUEST_ID);
    expect(new Set(ids).size).toBe(answers.length);
    for (const answer of answers) expect(answer.headers.get('cache-control')).toBe('no-store');
  });
});
