import { aKey, aProject, aSecret } from '../support/manifests.ts';
import { eventsOf, lapse } from '../support/session-records.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';
import { type Fault, fingerprintOf, type Sighting } from '../simulator/simulator.ts';

interface Failure {
  name: string;
  fault: (simulatorUrl: string) => Fault;
  status: number;
  error: string;
  retryAfter?: string;
}

const soon = (): number => Math.floor(Date.now() / 1000);
const WORDS = 'what the provider says is not repeated';
const status = (
  code: number,
  expected: Pick<Failure, 'status' | 'error' | 'retryAfter'>,
  extra: { retryAfter?: number | string; name?: string } = {},
): Failure => ({
  name: extra.name ?? `status ${code}`,
  fault: () => ({
    kind: 'status',
    status: code,
    body: { error: { message: WORDS, param: null } },
    ...(extra.retryAfter !== undefined && { retryAfter: extra.retryAfter }),
  }),
  ...expected,
});

const REJECTED = { status: 502, error: 'provider_rejected_key' };
const BROKEN = { status: 502, error: 'provider_error' };
const INVALID = { status: 400, error: 'invalid_request' };

const FAILURES: Failure[] = [
  status(401, REJECTED),
  status(403, REJECTED),
  status(400, INVALID),
  status(404, INVALID),
  status(422, INVALID),
  status(
    429,
    { status: 429, error: 'provider_rate_limited', retryAfter: '17' },
    { retryAfter: 17, name: 'status 429 with Retry-After' },
  ),
  status(429, { status: 429, error: 'provider_rate_limited', retryAfter: '5' }),
  status(409, BROKEN),
  status(201, BROKEN),
  status(500, BROKEN),
  status(503, BROKEN, { retryAfter: 9 }),
  { name: 'a body that is no JSON', fault: () => ({ kind: 'garbage' }), ...BROKEN },
  { name: 'an answer without value', fault: () => ({ kind: 'no_value' }), ...BROKEN },
  { name: 'an answer above 256 KiB', fault: () => ({ kind: 'oversized', bytes: 300_000 }), ...BROKEN },
  {
    name: 'a redirect, which is not followed',
    fault: (url) => ({ kind: 'redirect', location: `${url}/models` }),
    ...BROKEN,
  },
  {
    name: 'a secret that lives too long',
    fault: () => ({ kind: 'expires_at', value: soon() + 200 }),
    ...BROKEN,
  },
  { name: 'an expiry that is no number', fault: () => ({ kind: 'expires_at', value: 'soon' }), ...BROKEN },
  { name: 'a hang-up', fault: () => ({ kind: 'hangup' }), ...BROKEN },
  { name: 'a hang-up in the middle of the answer', fault: () => ({ kind: 'hangup_mid_body' }), ...BROKEN },
];
const SILENT = 'proj_silent';
const ABANDONED = 'proj_abandoned';
const LATE = 'proj_late';
const REVOKED = 'proj_revoked';
const NAMED = 'proj_named';
const OTHERS = [SILENT, ABANDONED, LATE, REVOKED, NAMED];
const projectOf = (index: number): string => `proj_fault_${index}`;

describe('a provider', () => {
  let stack: Stack;
  let keys: Map<string, string>;
  let silence: Promise<{ answer: Answer; seconds: number }>;

  beforeAll(async () => {
    const ids = [...FAILURES.map((_, index) => projectOf(index)), ...OTHERS];
    keys = new Map(ids.map((id) => [id, aKey()]));
    stack = await startStack({
      project: { session: { maxConcurrent: 1000 } },
      manifests: (baseUrl) =>
        [...keys].flatMap(([id, key]) => [
          aProject(baseUrl, id, { session: { maxConcurrent: 1 } }),
          aSecret(id, key),
        ]),
    });
    strike(SILENT, { kind: 'never' });
    // Asked first and awaited last, since it takes the whole deadline.
    const since = performance.now();
    silence = open(SILENT).then((answer) => ({ answer, seconds: (performance.now() - since) / 1000 }));
  });
  afterAll(async () => {
    await stack.stop();
  });

  const open = (projectId: string, headers: Record<string, string> = {}): Promise<Answer> =>
    stack.request('/session', { body: { project_id: projectId }, headers });
  const fingerprint = (projectId: string): string => fingerprintOf(keys.get(projectId)!);
  const strike = (projectId: string, fault: Fault): void => {
    stack.simulator.fault({ ...fault, times: 1, key_fingerprint: fingerprint(projectId) });
  };
  const requestsOf = (projectId: string): number =>
    stack.simulator.seen().by_key[fingerprint(projectId)]?.requests ?? 0;
  const sightingsOf = (projectId: string): Sighting[] =>
    stack.simulator.seen().log.filter(({ key_fingerprint: key }) => key === fingerprint(projectId));
  const sessionOf = async (projectId: string): Promise<{ id: string; state: string }> => {
    const [row] = await stack.database.query<{ id: string; state: string }>(
      'SELECT id, state FROM sessions WHERE key_fingerprint = $1 ORDER BY opened_at LIMIT 1',
      [fingerprint(projectId)],
    );
    return row!;
  };
  const waitingAtProvider = (projectId: string): Promise<unknown> =>
    until('the provider is asked', () => requestsOf(projectId) === 1);
  /** The failed session is over and recorded, and its one slot is free. */
  const expectNothingLeft = async (projectId: string, code: string): Promise<void> => {
    const { id, state } = await sessionOf(projectId);
    expect(state).toBe('failed');
    const events = await eventsOf(stack.database, id);
    expect(events.map(({ event, outcome }) => [event, outcome])).toEqual([
      ['vault_key_loaded', 'success'],
      ['session_error', 'failure'],
    ]);
    expect(events[1]!.detail).toEqual({ code });
    expect((await open(projectId)).status).toBe(200);
  };

  describe('that fails costs one request and no slot:', () => {
    it.each(FAILURES.map((failure, index) => [failure.name, failure, projectOf(index)] as const))(
      '%s',
      async (_name, failure, projectId) => {
        strike(projectId, failure.fault(stack.simulator.url));
        const answer = await open(projectId);
        expect([answer.status, answer.json.error]).toEqual([failure.status, failure.error]);
        expect(answer.headers.get('retry-after')).toBe(failure.retryAfter ?? null);
        expect(answer.headers.get('x-ratelimit-limit')).toBe('1000000');
        expect(answer.text).not.toContain(WORDS);
        expect(requestsOf(projectId)).toBe(1);
        await expectNothingLeft(projectId, failure.error);
      },
    );

    it('a key that it has revoked', async () => {
      stack.simulator.revoke(fingerprint(REVOKED));
      const answer = await open(REVOKED);
      expect([answer.status, answer.json.error]).toEqual([502, 'provider_rejected_key']);
      expect(requestsOf(REVOKED)).toBe(1);
      stack.simulator.restore(fingerprint(REVOKED));
      await expectNothingLeft(REVOKED, 'provider_rejected_key');
    });
  });

  it('that is asked to open too much tells by the code, and resetAt goes with Retry-After', async () => {
    strike(NAMED, { kind: 'status', status: 429, retryAfter: 17 });
    const { json } = await open(NAMED);
    expect(Math.abs(json.resetAt - Date.now() / 1000 - 17)).toBeLessThanOrEqual(2);
  });

  it('that names a parameter of the request has it named in the details, as the caller wrote it', async () => {
    const body = { error: { message: WORDS, param: 'session.audio.output.voice' } };
    strike(NAMED, { kind: 'status', status: 400, body });
    const answer = await stack.request('/v1/realtime/client_secrets', { body: { project_id: NAMED } });
    expect(answer.json.error).toMatchObject({ code: 'invalid_request', param: 'session.audio.output.voice' });
    expect(answer.json.details).toEqual([
      { path: '/session/audio/output/voice', message: expect.any(String) },
    ]);
    strike(NAMED, { kind: 'status', status: 400, body });
    const flat = await open(NAMED);
    expect(flat.json.details).toEqual([{ path: '/voice', message: expect.any(String) }]);
  });

  it('answering a client that hung up leaves no slot taken', async () => {
    strike(ABANDONED, { kind: 'latency', ms: 5_000 });
    const abandon = new AbortController();
    const attempt = fetch(`${stack.url}/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ project_id: ABANDONED }),
      signal: abandon.signal,
    });
    await waitingAtProvider(ABANDONED);
    abandon.abort();
    await expect(attempt).rejects.toThrow(/abort/);
    await until('the slot is free', async () => (await sessionOf(ABANDONED)).state === 'failed', 2_000);
    await expectNothingLeft(ABANDONED, 'client_closed');
    expect(sightingsOf(ABANDONED)[0]).toMatchObject({ status: 0 });
  });

  it('answering after the lease lapsed answers in vain', async () => {
    strike(LATE, { kind: 'latency', ms: 800 });
    const attempt = open(LATE);
    await waitingAtProvider(LATE);
    const { id } = await sessionOf(LATE);
    await lapse(stack.database, id);
    const next = await open(LATE);
    expect(next.status).toBe(200);
    const answer = await attempt;
    expect([answer.status, answer.json.error]).toEqual([503, 'unavailable']);
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
    expect(answer.text).not.toContain('ek_');
    expect(sightingsOf(LATE).map(({ status: answered }) => answered)).toEqual([200, 200]);
    const names = (await eventsOf(stack.database, id)).map(({ event }) => event);
    expect(names).toEqual(['vault_key_loaded', 'session_expired']);
    expect((await stack.admin(`/session/${next.json.session_id}`)).json.state).toBe('active');
  });

  it('sees nothing of the caller’s headers', async () => {
    const { status: answered } = await open(PROJECT, {
      traceparent: `00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`,
      tracestate: 'a=b',
      baggage: 'a=b',
      cookie: 'a=b',
      'x-forwarded-for': '192.0.2.1',
      'openai-beta': 'realtime=v1',
      'openai-organization': 'org-of-somebody',
    });
    expect(answered).toBe(200);
    const { log } = stack.simulator.seen();
    expect(log.flatMap(({ forbidden_headers: names }) => names)).toEqual([]);
  });

  it('that never answers is given up after ten seconds', async () => {
    const { answer, seconds } = await silence;
    expect([answer.status, answer.json.error]).toEqual([504, 'provider_error']);
    expect(seconds).toBeGreaterThan(9.5);
    expect(seconds).toBeLessThan(11.5);
    expect(requestsOf(SILENT)).toBe(1);
    await expectNothingLeft(SILENT, 'provider_error');
  });
});
