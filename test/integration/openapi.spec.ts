import { Validator } from '@seriousme/openapi-schema-validator';
import Schema from 'typebox/schema';
import { EventStream } from '../support/event-stream.ts';
import { aClient, aKey, aProject, aSecret, aSecretOfRelays, aTurnSecret } from '../support/manifests.ts';
import { type Answer, PROJECT, type RequestOptions, startStack, type Stack } from '../support/stack.ts';

type Json = Record<string, unknown>;

interface Media {
  schema: Json;
  example?: unknown;
  examples?: Record<string, { value: unknown }>;
}

interface DocumentedAnswer {
  headers: Record<string, { required?: boolean; schema?: Json; $ref?: string }>;
  content?: Record<string, Media>;
  links?: Record<string, { operationId: string }>;
}

interface Operation {
  operationId: string;
  parameters: { name: string; in: string; schema: Json; example?: unknown }[];
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, DocumentedAnswer>;
}

interface Document {
  openapi: string;
  info: { version: string; description: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Json; headers: Record<string, { schema: Json }> };
}

const CLIENT = 'acme';
/** The longest that a client may have, and three times as long in a URL. */
const LONG_ID = '%'.repeat(255);
const ELSEWHERE = 'https://elsewhere.example';
const RELAYED = 'proj_relayed';
const SECRETS = '/v1/realtime/client_secrets';
const POST = { method: 'POST' };

let stack: Stack;
let document: Document;
let operations: Map<string, Operation>;

beforeAll(async () => {
  stack = await startStack({
    project: { session: { maxConcurrent: 1000 } },
    environment: { VESTIBULE_ADDRESS_LIMIT: '100000/60' },
    manifests: (baseUrl) => [
      aProject(baseUrl, RELAYED, {
        session: { maxConcurrent: 1000 },
        turn: { type: 'coturn', urls: ['turn:turn.example.com'], secretRef: { name: 'relay' } },
      }),
      aSecret(RELAYED, aKey()),
      aSecretOfRelays('relay', aTurnSecret()),
      aProject(baseUrl, 'proj_full', { session: { maxConcurrent: 1 } }),
      aSecret('proj_full', aKey()),
      aProject(baseUrl, 'proj_keyless', { access: { allowedOrigins: [ELSEWHERE] } }),
      aProject(baseUrl, 'proj_broken', { session: { leaseSeconds: 15, secretTtlSeconds: 60 } }),
      aClient(CLIENT, PROJECT),
      aClient('keyless', 'proj_keyless'),
      aClient('long', PROJECT, { clientId: LONG_ID }),
    ],
  });
  document = (await stack.request('/openapi.json')).json as Document;
  operations = new Map(
    Object.values(document.paths)
      .flatMap((methods) => Object.values(methods))
      .map((operation) => [operation.operationId, operation]),
  );
});
afterAll(async () => {
  await stack.stop();
});

/** What of a value a schema of the document forbids; empty when it fits. */
function misfits(schema: Json, value: unknown): unknown[] {
  const compiled = Schema.Compile({ ...schema, components: document.components } as Schema.XSchema);
  const [fits, errors] = compiled.Errors(value);
  return fits ? [] : errors;
}

describe('/openapi.json', () => {
  it('is OpenAPI 3.1 by its own schema, and says which version it describes', async () => {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(document) as never);
    expect([result.valid, result.errors]).toEqual([true, undefined]);
    expect(validator.version).toBe('3.1');
    const { json: health } = await stack.request('/health');
    expect(document.info.version).toBe(health.version);
  });

  it('gives every answer, body and parameter a schema that its example fits', () => {
    const wrong: unknown[] = [];
    const check = (place: unknown[], schema: Json, value: unknown): void => {
      const errors = misfits(schema, value);
      if (errors.length > 0) wrong.push([...place, errors]);
    };
    for (const [id, { parameters, requestBody, responses }] of operations) {
      for (const { name, schema, example } of parameters) {
        if (example !== undefined) check([id, name], schema, example);
      }
      for (const [status, { content = {} }] of [
        ['body', requestBody ?? {}],
        ...Object.entries(responses),
      ] as [string, Partial<DocumentedAnswer>][]) {
        for (const [type, { schema, example, examples }] of Object.entries(content)) {
          const values = examples ? Object.values(examples).map(({ value }) => value) : [example];
          expect([id, status, type, values]).not.toEqual([id, status, type, [undefined]]);
          for (const value of values) check([id, status, type], schema, value);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('names every operation once, and each of its links leads to one', () => {
    expect(operations.size).toBe(Object.values(document.paths).flatMap(Object.keys).length);
    const targets = [...operations.values()]
      .flatMap(({ responses }) => Object.values(responses))
      .flatMap(({ links = {} }) => Object.values(links).map(({ operationId }) => operationId));
    expect(targets).toContain('releaseSession');
    expect(targets.filter((id) => !operations.has(id))).toEqual([]);
  });

  it('has no key, token, address or id of this installation in it', async () => {
    const { text } = await stack.request('/openapi.json');
    for (const secret of [stack.key, stack.adminKey, stack.jwtSecret, PROJECT, stack.url, stack.directory]) {
      expect(text).not.toContain(secret);
    }
  });
});

/** An answer that fits the document: status, media type, body and headers. */
function expectDocumented(id: string, answer: Answer): void {
  const { responses } = operations.get(id)!;
  const documented = responses[answer.status];
  expect([id, answer.status, documented === undefined ? answer.text : '']).toEqual([id, answer.status, '']);
  for (const [name, header] of Object.entries(documented!.headers)) {
    const schema = header.schema ?? document.components.headers[name]!.schema;
    const value = answer.headers.get(name);
    if (value === null)
      expect([id, answer.status, name, header.required]).toEqual([id, answer.status, name, undefined]);
    else
      expect([id, name, misfits(schema, schema['type'] === 'integer' ? Number(value) : value)]).toEqual([
        id,
        name,
        [],
      ]);
  }
  const { content } = documented!;
  if (content === undefined) {
    expect([id, answer.status, answer.text]).toEqual([id, answer.status, '']);
    return;
  }
  const type = answer.headers.get('content-type')?.split(';', 1)[0] ?? '';
  expect([id, Object.keys(content)]).toEqual([id, expect.arrayContaining([type])]);
  const value = type === 'application/json' ? answer.json : answer.text;
  expect([id, answer.status, misfits(content[type]!.schema, value)]).toEqual([id, answer.status, []]);
}

describe('real answers fit the document', () => {
  interface Opened {
    session_id: string;
    lease_token: string;
  }

  const asClient = async (options: RequestOptions = {}): Promise<RequestOptions> => ({
    ...options,
    headers: { authorization: `Bearer ${await stack.token(CLIENT)}`, ...options.headers },
  });
  const open = async (project = PROJECT): Promise<Opened> =>
    (await stack.request('/session', { body: { project_id: project } })).json as Opened;
  const bearer = ({ lease_token: token }: Opened): RequestOptions => ({
    headers: { authorization: `Bearer ${token}` },
  });
  /** The refusals that a route for clients knows, on either route that opens sessions. */
  const openings = async (path: string, badField: Json): Promise<Answer[]> => {
    const key = { 'idempotency-key': `key of ${path}` };
    const body = { project_id: PROJECT };
    const keyless = { authorization: `Bearer ${await stack.token('keyless')}` };
    const inTurn: (() => Promise<Answer>)[] = [
      () => stack.request(path, { body, headers: { origin: ELSEWHERE } }),
      () => stack.request(path, { body: { project_id: RELAYED } }),
      () => stack.request(path, { body, headers: key }),
      () => stack.request(path, { body, headers: key }),
      () => stack.request(path, { body: { ...body, ...badField }, headers: key }),
      () => stack.request(path, { body: { ...body, voice: 'x', model: 'y' } }),
      () => stack.request(path, { body: '{', headers: { origin: ELSEWHERE } }),
      () => stack.request(path, { body: '{}', headers: { 'content-type': 'text/csv' } }),
      () => stack.request(path, { body: { project_id: 'x'.repeat(70_000) } }),
      () => stack.request(path, { body: {} }),
      async () => stack.request(path, await asClient({ body: { project_id: 'proj_full' } })),
      async () => stack.request(path, await asClient({ body: { ...body, surprise: 1 } })),
      async () => stack.request(path, { ...POST, ...(await asClient()) }),
      () => stack.request(path, { body: { project_id: 'proj_full' } }),
      () => stack.request(path, { body: { project_id: 'proj_full' } }),
      () => stack.request(path, { ...POST, headers: keyless }),
    ];
    const answers: Answer[] = [];
    for (const ask of inTurn) answers.push(await ask());
    return answers;
  };
  const deposit = (body: Json, path = ''): Promise<Answer> => stack.admin(`/projects/key${path}`, { body });
  const anyKey = (): Json => ({ openai_key: aKey() });

  /** By operation: ways to get each of its answers that need nothing to be broken. A new operation needs a case. */
  const CASES: Record<string, () => Promise<Answer[]>> = {
    openSession: () => openings('/session', { voice: 7 }),
    openSessionCompatibly: () => openings(SECRETS, { session: 7 }),
    readSession: async () => {
      const session = await open();
      const path = `/session/${session.session_id}`;
      return Promise.all([
        stack.request(path, bearer(session)),
        stack.admin(path),
        stack.request(path),
        stack.request('/session/x', bearer(session)),
      ]);
    },
    renewSession: async () => {
      const session = await open();
      const path = `/session/${session.session_id}/heartbeat`;
      const renewed = await stack.request(path, { ...POST, ...bearer(session) });
      await stack.admin(`/session/${session.session_id}`, { method: 'DELETE' });
      return [renewed, await stack.request(path, { ...POST, ...bearer(session) })];
    },
    releaseSession: async () => {
      const session = await open();
      const path = `/session/${session.session_id}`;
      const released = await stack.request(path, { method: 'DELETE', ...bearer(session) });
      return [released, await stack.request(path, { method: 'DELETE' })];
    },
    releaseSessionByBeacon: async () => {
      const { session_id: id, lease_token: token } = await open();
      const path = `/session/${id}/release`;
      return Promise.all([
        stack.request(path, { body: { lease_token: token } }),
        stack.request(path, {
          body: JSON.stringify({ lease_token: token }),
          headers: { 'content-type': 'text/plain' },
        }),
        stack.request(path, { body: { lease_token: 'lt_wrong' } }),
        stack.admin(path, { body: { lease_token: 7 } }),
        stack.request(path, POST),
        stack.request(path, { body: '<release/>', headers: { 'content-type': 'text/xml' } }),
      ]);
    },
    readTurnCredentials: async () => [
      await stack.request(`/turn-credentials?project_id=${PROJECT}`),
      await stack.request('/turn-credentials', await asClient()),
      await stack.request('/turn-credentials', bearer(await open())),
      await stack.request('/turn-credentials', bearer({ ...(await open()), lease_token: 'lt_wrong' })),
      await stack.request('/turn-credentials', bearer(await open(RELAYED))),
      await stack.request('/turn-credentials?project_id=proj_full', await asClient()),
      await stack.request('/turn-credentials?project_id=a&project_id=b', await asClient()),
      await stack.request('/turn-credentials'),
    ],
    listSessions: async () => {
      await Promise.all([open(), open()]);
      const listed = await stack.admin('/sessions?limit=1');
      return [
        listed,
        await stack.admin(`/sessions?cursor=${listed.json.next_cursor}`),
        await stack.admin('/sessions?cursor=x'),
        await stack.request('/sessions'),
      ];
    },
    terminateSession: async () => {
      const { session_id: id } = await open();
      return [
        await stack.admin(`/sessions/${id}`, { method: 'DELETE' }),
        await stack.admin('/sessions/x', { method: 'DELETE' }),
      ];
    },
    depositKey: async () => [
      await deposit({ project_id: 'proj_deposited', ...anyKey() }),
      await deposit({ project_id: 'proj_deposited', ...anyKey() }),
      await deposit({ project_id: PROJECT, openai_key: 'no-key-of-the-simulator', validate: true }),
      await deposit({ project_id: 'proj_deposited', openai_key: 'short' }),
      await stack.request('/projects/key', { body: {} }),
    ],
    rotateKey: async () => [
      await deposit({ project_id: PROJECT, ...anyKey() }, '/rotate'),
      await deposit({ project_id: 'proj_keyless', ...anyKey() }, '/rotate'),
    ],
    removeKey: async () => {
      await deposit({ project_id: 'proj_emptied', ...anyKey() });
      const remove = { method: 'DELETE', body: { project_id: 'proj_emptied' } };
      return [await stack.admin('/projects/key', remove), await stack.admin('/projects/key', remove)];
    },
    listProjects: async () => [await stack.admin('/projects')],
    patchProject: async () => [
      await stack.admin('/projects/proj_keyless', { method: 'PATCH', body: { suspended: true } }),
      await stack.admin('/projects/proj_keyless', { method: 'PATCH', body: { suspended: false } }),
      await stack.admin('/projects/proj_keyless', { method: 'PATCH' }),
      await stack.admin('/projects/nobody', { method: 'PATCH', body: { suspended: true } }),
    ],
    listClients: async () => [await stack.admin('/clients')],
    issueToken: async () => [
      await stack.admin(`/clients/${CLIENT}/token`, POST),
      await stack.admin(`/clients/${CLIENT}/token`, { body: { ttl_seconds: 0 } }),
      await stack.admin(`/clients/${'x'.repeat(255)}/token`, POST),
    ],
    listAuditLogs: async () => [
      await stack.admin('/audit-logs?limit=1000'),
      await stack.admin('/audit-logs?limit=1&format=jsonl'),
      await stack.admin('/audit-logs?from=yesterday'),
    ],
    readStats: async () => {
      await Promise.all([open(), stack.request('/session', { body: { project_id: 'proj_nobody' } })]);
      return [
        await stack.admin('/stats'),
        await stack.admin('/stats?from=2025-01-01T00:00:00Z&to=2025-01-31T00:00:00Z&step=86400'),
        await stack.admin('/stats?step=0'),
        await stack.request('/stats'),
      ];
    },
    listenToEvents: async () => {
      const stream = await EventStream.open(`${stack.url}/events`, { 'x-admin-api-key': stack.adminKey });
      const { status, headers } = stream;
      await stream.next('snapshot');
      await stream.close();
      const text = JSON.stringify(stream.events);
      return [{ status, headers, text, json: undefined }, await stack.request('/events')];
    },
    readHealth: async () => [await stack.request('/health')],
    readVaultHealth: async () => [await stack.admin('/health/vault'), await stack.request('/health/vault')],
    readTotals: async () => [
      await stack.request('/metrics'),
      await stack.request('/metrics?format=json'),
      await stack.request('/metrics', { headers: { accept: 'application/json' } }),
    ],
    readLanding: () => twice('/'),
    readPlayground: () => twice('/playground'),
    readDashboard: () => twice('/dashboard'),
    readConsoleFile: async () => {
      const { text } = await stack.request('/');
      const files = [...text.matchAll(/console\/[\w-]+\.\w+/g)].map(([file]) => `/${file}`);
      const notices = `/console/${/third-party-notices-\w+\.txt/.exec(text)?.[0] ?? ''}`;
      const answers = await Promise.all([...files, notices].map(twice));
      return [...answers.flat(), await stack.request('/console/landing-00000000.js')];
    },
    readDescription: async () => [await stack.request('/openapi.json')],
    readPage: async () => [await stack.request('/docs')],
    readPageFile: async () => [
      await stack.request('/docs/start.js'),
      await stack.request('/docs/swagger-ui.css'),
      await stack.request('/docs/favicon-32x32.png'),
      await stack.request('/docs/package.json'),
      await stack.request('/docs/..%2fpackage.json'),
    ],
  };

  it('of every operation', () => {
    expect(Object.keys(CASES).sort()).toEqual([...operations.keys()].sort());
  });

  it.each(Object.keys(CASES))('of %s', async (id) => {
    const answers = await CASES[id]!();
    for (const answer of answers) expectDocumented(id, answer);
    const successes = Object.keys(operations.get(id)!.responses).filter((status) => status < '300');
    expect(answers.map(({ status }) => String(status))).toEqual(expect.arrayContaining(successes));
  });
});

/** Anew, and as who knows it already asks. */
async function twice(path: string): Promise<Answer[]> {
  const first = await stack.request(path);
  const headers = { 'if-none-match': first.headers.get('etag') ?? '' };
  return [first, await stack.request(path, { headers })];
}

it('gives a token to a client whose id is as long as the document says', async () => {
  const { status } = await stack.admin(`/clients/${encodeURIComponent(LONG_ID)}/token`, POST);
  expect(status).toBe(200);
});

it('refuses two projects at once where one is asked for, also from a client', async () => {
  const authorization = `Bearer ${await stack.token(CLIENT)}`;
  const path = '/turn-credentials?project_id=a&project_id=b';
  const { status, json } = await stack.request(path, { headers: { authorization } });
  expect([status, json.details]).toEqual([400, [{ path: '/project_id', message: expect.any(String) }]]);
});

describe('/docs', () => {
  it('takes nothing from elsewhere and runs nothing inline', async () => {
    const { status, headers, text } = await stack.request('/docs');
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).not.toContain('unsafe');
    expect(text).not.toMatch(/<style|\sstyle=|\son\w+=|https?:|<script(?![^>]*\ssrc=)/);
    expect(text.match(/<script[^>]*>[^<]/)).toBeNull();
  });

  it('has its files beside it, each with its type, to be kept for an hour', async () => {
    const { text } = await stack.request('/docs');
    const files = [...text.matchAll(/(?:src|href)="(docs\/[^"]+)"/g)].map(([, file]) => file!);
    const answers = await Promise.all(files.map((file) => stack.request(`/${file}`)));
    expect(answers.map(({ status, headers }) => [status, headers.get('content-type')])).toEqual([
      [200, 'text/css; charset=utf-8'],
      [200, 'image/png'],
      [200, 'text/javascript; charset=utf-8'],
      [200, 'text/javascript; charset=utf-8'],
    ]);
    for (const { headers } of answers) {
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toBe('public, max-age=3600');
    }
  });

  it.each([
    'index.html',
    'swagger-ui-bundle.js.map',
    '..%2f..%2fpackage.json',
    '%2e%2e%2fpackage.json',
    '__proto__',
  ])('has no file %s', async (name) => {
    const { status, headers } = await stack.request(`/docs/${name}`);
    expect([status, headers.get('cache-control')]).toEqual([404, 'no-store']);
  });
});
