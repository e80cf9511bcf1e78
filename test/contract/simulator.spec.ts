import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { fingerprintOf, startSimulator } from '../simulator/simulator.ts';
import type { Fault, Simulator } from '../simulator/simulator.ts';

type Json = Record<string, unknown>;

// Made at run time: no file of the project holds anything shaped like a key.
const keyOf = (name: string): string => ['sk', name, randomBytes(8).toString('hex')].join('-');
const KEY = keyOf('simulated');
const OTHER_KEY = keyOf('other');

const GOOD = { session: { type: 'realtime', model: 'gpt-realtime-2.1' } };

interface Answer {
  status: number;
  headers: Headers;
  body: Json;
}

interface MintOptions {
  key?: string | null;
  headers?: Record<string, string>;
  raw?: string;
  signal?: AbortSignal;
}

describe('the provider simulator', () => {
  let simulator: Simulator;

  beforeAll(async () => {
    simulator = await startSimulator();
  });

  afterAll(() => simulator.close());

  beforeEach(() => {
    simulator.clearFaults();
    simulator.restore();
    simulator.reset();
  });

  function post(body: unknown, options: MintOptions = {}): Promise<Response> {
    const key = options.key === undefined ? KEY : options.key;
    return fetch(`${simulator.url}/realtime/client_secrets`, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...options.headers,
      },
      body: options.raw ?? JSON.stringify(body),
      ...(options.signal ? { signal: options.signal } : {}),
    });
  }

  async function mint(body: unknown, options?: MintOptions): Promise<Answer> {
    const response = await post(body, options);
    return { status: response.status, headers: response.headers, body: (await response.json()) as Json };
  }

  function control(path: string, method: string, body?: unknown): Promise<Response> {
    const origin = new URL(simulator.url).origin;
    return fetch(`${origin}/__simulator/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  const session = (fields: Json): Json => ({ session: { ...GOOD.session, ...fields } });

  describe('mint', () => {
    it('answers the GA shape', async () => {
      const before = Math.floor(Date.now() / 1000);
      const { status, headers, body } = await mint({
        expires_after: { anchor: 'created_at', seconds: 60 },
        ...session({ instructions: 'Be brief.', audio: { output: { voice: 'marin' } } }),
      });
      expect(status).toBe(200);
      expect(headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/);
      expect(body).toEqual({
        value: expect.stringMatching(/^ek_[0-9a-f]{32}$/) as unknown,
        expires_at: expect.any(Number) as unknown,
        session: {
          type: 'realtime',
          object: 'realtime.session',
          id: expect.stringMatching(/^sess_/) as unknown,
          model: 'gpt-realtime-2.1',
          output_modalities: ['audio'],
          instructions: 'Be brief.',
          tools: [],
          tool_choice: 'auto',
          max_output_tokens: 'inf',
          tracing: null,
          truncation: 'auto',
          prompt: null,
          expires_at: 0,
          audio: {
            input: {
              format: { type: 'audio/pcm', rate: 24_000 },
              transcription: null,
              noise_reduction: null,
              turn_detection: { type: 'server_vad' },
            },
            output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'marin', speed: 1 },
          },
          include: null,
        },
      });
      expect(Number(body['expires_at']) - before).toBeGreaterThanOrEqual(60);
      expect(Number(body['expires_at']) - before).toBeLessThanOrEqual(62);
    });

    it('gives 600 seconds and a realtime session when nothing is asked', async () => {
      const { status, body } = await mint({});
      expect(status).toBe(200);
      expect(Math.abs(Number(body['expires_at']) - Date.now() / 1000 - 600)).toBeLessThan(3);
      expect(body['session']).toMatchObject({ type: 'realtime', model: 'gpt-realtime' });
    });

    it('never gives the same value twice', async () => {
      const answers = await Promise.all(Array.from({ length: 50 }, () => mint(GOOD)));
      expect(new Set(answers.map(({ body }) => body['value'])).size).toBe(50);
    });

    it('answers a transcription session without the fields of a realtime one', async () => {
      const { body } = await mint({
        session: { type: 'transcription', audio: { input: { transcription: { model: 'whisper-1' } } } },
      });
      expect(body['session']).toMatchObject({
        type: 'transcription',
        audio: { input: { transcription: { model: 'whisper-1' } } },
      });
      expect(body['session']).not.toHaveProperty('model');
    });

    it('accepts every field of the GA session', async () => {
      const { status, body } = await mint(
        session({
          output_modalities: ['text'],
          instructions: '',
          include: ['item.input_audio_transcription.logprobs'],
          tracing: { workflow_name: 'w', group_id: 'g', metadata: { a: 1 } },
          tools: [
            { type: 'function', name: 'f', description: 'd', parameters: { type: 'object' } },
            { type: 'mcp', server_label: 'l', server_url: 'https://mcp.example', require_approval: 'never' },
          ],
          tool_choice: { type: 'function', name: 'f' },
          parallel_tool_calls: false,
          reasoning: { effort: 'low' },
          max_output_tokens: 4096,
          truncation: {
            type: 'retention_ratio',
            retention_ratio: 0.8,
            token_limits: { post_instructions: 5 },
          },
          prompt: { id: 'pmpt_1', version: null, variables: { a: 'b' } },
          audio: {
            input: {
              format: { type: 'audio/pcmu' },
              noise_reduction: { type: 'near_field' },
              transcription: { model: 'gpt-4o-transcribe', language: 'en', prompt: 'p' },
              turn_detection: { type: 'semantic_vad', eagerness: 'low' },
            },
            output: { format: { type: 'audio/pcma' }, voice: { id: 'voice_1234' }, speed: 1.5 },
          },
        }),
      );
      expect(body).not.toHaveProperty('error');
      expect(status).toBe(200);
      expect(body['session']).toMatchObject({
        reasoning: { effort: 'low' },
        audio: { output: { voice: 'voice_1234' } },
      });
    });

    const tooLong = { expires_after: { anchor: 'created_at', seconds: 7201 } };

    it.each<[string, unknown, string, string | null]>([
      ['a beta-shaped body', { model: 'gpt-realtime', voice: 'alloy' }, 'unknown_parameter', 'model'],
      ['an unknown session field', session({ foo: 1 }), 'unknown_parameter', 'session.foo'],
      ['an inherited name', session({ constructor: 1 }), 'unknown_parameter', 'session.constructor'],
      ['a beta voice', session({ voice: 'alloy' }), 'unknown_parameter', 'session.voice'],
      ['a beta temperature', session({ temperature: 1 }), 'unknown_parameter', 'session.temperature'],
      [
        'an unknown nested field',
        session({ audio: { output: { pitch: 2 } } }),
        'unknown_parameter',
        'session.audio.output.pitch',
      ],
      ['a session without a type', { session: {} }, 'missing_required_parameter', 'session.type'],
      ['another type of session', { session: { type: 'translation' } }, 'invalid_value', 'session.type'],
      [
        'a model in a transcription session',
        { session: { type: 'transcription', model: 'whisper-1' } },
        'unknown_parameter',
        'session.model',
      ],
      ['a model that is not a string', session({ model: 4 }), 'invalid_type', 'session.model'],
      ['a model that is not a name', session({ model: 'a b' }), 'invalid_value', 'session.model'],
      ['a body that is a list', [], 'invalid_type', null],
      ['a lifetime over the maximum', tooLong, 'invalid_value', 'expires_after.seconds'],
      [
        'a lifetime under the minimum',
        { expires_after: { anchor: 'created_at', seconds: 9 } },
        'invalid_value',
        'expires_after.seconds',
      ],
      [
        'a lifetime with a fraction',
        { expires_after: { anchor: 'created_at', seconds: 60.5 } },
        'invalid_type',
        'expires_after.seconds',
      ],
      [
        'a lifetime without its anchor',
        { expires_after: { seconds: 60 } },
        'missing_required_parameter',
        'expires_after.anchor',
      ],
      [
        'an unknown voice',
        session({ audio: { output: { voice: 'nobody' } } }),
        'invalid_value',
        'session.audio.output.voice',
      ],
      [
        'a custom voice of another form',
        session({ audio: { output: { voice: { id: 'nobody' } } } }),
        'invalid_value',
        'session.audio.output.voice.id',
      ],
      [
        'a speed over the maximum',
        session({ audio: { output: { speed: 2 } } }),
        'invalid_value',
        'session.audio.output.speed',
      ],
      [
        'both modalities',
        session({ output_modalities: ['audio', 'text'] }),
        'invalid_value',
        'session.output_modalities',
      ],
      ['too many tokens', session({ max_output_tokens: 4097 }), 'invalid_value', 'session.max_output_tokens'],
      ['tools that are no list', session({ tools: {} }), 'invalid_type', 'session.tools'],
      ['a tool of no type', session({ tools: [{ type: 'x' }] }), 'invalid_value', 'session.tools[0].type'],
      ['a null type', { session: { type: null } }, 'invalid_type', 'session.type'],
      [
        'a format of the beta',
        session({ audio: { input: { format: 'pcm16' } } }),
        'invalid_type',
        'session.audio.input.format',
      ],
    ])('refuses %s', async (_what, body, code, param) => {
      const answer = await mint(body);
      expect(answer.status).toBe(400);
      expect(answer.body).toEqual({
        error: { message: expect.any(String) as unknown, type: 'invalid_request_error', param, code },
      });
    });

    it('says which parameter is unknown', async () => {
      const { body } = await mint(session({ foo: 1 }));
      expect(body['error']).toMatchObject({ message: "Unknown parameter: 'session.foo'." });
    });

    it('refuses the header of the beta', async () => {
      const { status, body } = await mint(GOOD, { headers: { 'openai-beta': 'realtime=v1' } });
      expect(status).toBe(400);
      expect(body['error']).toMatchObject({ code: 'beta_api_shape_disabled' });
    });

    it.each<[string, MintOptions, number]>([
      ['another content type', { headers: { 'content-type': 'text/plain' } }, 400],
      ['malformed JSON', { raw: '{"session":' }, 400],
      ['an empty body', { raw: '' }, 400],
      ['a body over 1 MiB', { raw: JSON.stringify({ pad: 'x'.repeat(1_048_576) }) }, 413],
    ])('refuses %s', async (_what, options, status) => {
      const answer = await mint(GOOD, options);
      expect(answer.status).toBe(status);
      expect(answer.body).toHaveProperty('error.type', 'invalid_request_error');
    });
  });

  describe('keys', () => {
    it.each<[string, string]>([
      ['too short', ['sk', 'short'].join('-')],
      ['of another form', 'nothing-like-it'],
      ['revoked by its name', keyOf('revoked')],
    ])('refuses a key that is %s, without repeating it', async (_what, key) => {
      const { status, body } = await mint(GOOD, { key });
      expect(status).toBe(401);
      expect(body).toEqual({
        error: {
          message: 'Incorrect API key provided',
          type: 'invalid_request_error',
          param: null,
          code: 'invalid_api_key',
        },
      });
    });

    it('refuses a request without a key', async () => {
      const { status, body } = await mint(GOOD, { key: null });
      expect(status).toBe(401);
      expect(body).toHaveProperty('error.type', 'invalid_request_error');
    });

    it('refuses a revoked fingerprint until it is restored, and no other key', async () => {
      const key_fingerprint = fingerprintOf(KEY);
      expect((await control('revoked', 'POST', { key_fingerprint })).status).toBe(204);
      expect((await mint(GOOD)).status).toBe(401);
      expect((await mint(GOOD, { key: OTHER_KEY })).status).toBe(200);
      await control('revoked', 'DELETE', { key_fingerprint });
      expect((await mint(GOOD)).status).toBe(200);
      simulator.revoke(key_fingerprint);
      expect((await mint(GOOD)).status).toBe(401);
      await control('revoked', 'DELETE');
      expect((await mint(GOOD)).status).toBe(200);
    });
  });

  describe('other paths', () => {
    it('lists the models to a good key only', async () => {
      const headers = { authorization: `Bearer ${KEY}` };
      const listed = (await (await fetch(`${simulator.url}/models`, { headers })).json()) as { data: Json[] };
      expect(listed.data.map(({ id }) => id)).toContain('gpt-realtime-2.1');
      expect((await fetch(`${simulator.url}/models`)).status).toBe(401);
    });

    it('answers 404 and 405 in the envelope of the provider', async () => {
      const unknown = await fetch(`${simulator.url}/realtime/sessions`, { method: 'POST' });
      expect(unknown.status).toBe(404);
      const wrong = await fetch(`${simulator.url}/realtime/client_secrets`);
      expect(wrong.status).toBe(405);
      expect(wrong.headers.get('allow')).toBe('POST');
      for (const response of [unknown, wrong]) {
        expect(response.headers.get('x-request-id')).toMatch(/^req_/);
        expect(await response.json()).toHaveProperty('error.type', 'invalid_request_error');
      }
    });
  });

  describe('faults', () => {
    it('answers the given status as many times as asked, then as usual', async () => {
      const list: Fault[] = [{ kind: 'status', status: 429, retryAfter: 7, times: 2 }];
      expect((await control('faults', 'POST', list)).status).toBe(204);
      for (let round = 0; round < 2; round += 1) {
        const { status, headers, body } = await mint(GOOD);
        expect(status).toBe(429);
        expect(headers.get('retry-after')).toBe('7');
        expect(body).toHaveProperty('error.code', 'rate_limit_exceeded');
      }
      expect((await mint(GOOD)).status).toBe(200);
    });

    it('answers the given body', async () => {
      simulator.fault({ kind: 'status', status: 503, body: '<html></html>' });
      const response = await post(GOOD);
      expect(response.status).toBe(503);
      expect(response.headers.get('content-type')).toContain('text/plain');
      expect(await response.text()).toBe('<html></html>');
    });

    it('strikes only the named key, and takes faults in order', async () => {
      simulator.fault(
        { kind: 'status', status: 500, times: 1, key_fingerprint: fingerprintOf(KEY) },
        { kind: 'status', status: 502, times: 1 },
      );
      expect((await mint(GOOD, { key: OTHER_KEY })).status).toBe(502);
      expect((await mint(GOOD, { key: OTHER_KEY })).status).toBe(200);
      expect((await mint(GOOD)).status).toBe(500);
      expect((await mint(GOOD)).status).toBe(200);
    });

    it('delays the fault that follows', async () => {
      simulator.fault({ kind: 'latency', ms: 120 }, { kind: 'status', status: 500, times: 1 });
      const began = performance.now();
      expect((await mint(GOOD)).status).toBe(500);
      expect((await mint(GOOD)).status).toBe(200);
      expect(performance.now() - began).toBeGreaterThanOrEqual(235);
    });

    it('hangs up without an answer', async () => {
      simulator.fault({ kind: 'hangup', times: 1 });
      await expect(post(GOOD)).rejects.toThrow('fetch failed');
      expect(simulator.seen()).toMatchObject({
        mints: 0,
        requests: 1,
        log: [{ status: 0, fault: 'hangup', session_model: 'gpt-realtime-2.1' }],
      });
    });

    it('hangs up in the middle of the body', async () => {
      simulator.fault({ kind: 'hangup_mid_body', times: 1 });
      const response = await post(GOOD);
      expect(response.status).toBe(200);
      await expect(response.text()).rejects.toThrow('terminated');
      expect(simulator.seen().mints).toBe(0);
    });

    it('answers 200 with something that is not JSON', async () => {
      simulator.fault({ kind: 'garbage', times: 1 });
      const response = await post(GOOD);
      expect(response.status).toBe(200);
      await expect(response.json()).rejects.toThrow('not valid JSON');
    });

    it('answers a body of the asked size, which is a good answer but for that', async () => {
      simulator.fault({ kind: 'oversized', bytes: 3_000_000, times: 1 });
      const response = await post(GOOD);
      const body = await response.text();
      expect(body).toHaveLength(3_000_000);
      expect(response.headers.get('content-length')).toBeNull();
      expect(JSON.parse(body)).toHaveProperty('value');
    });

    it('lets a client leave an oversized answer', async () => {
      simulator.fault({ kind: 'oversized', bytes: 1_000_000_000, times: 1 });
      const response = await post(GOOD);
      await response.body?.cancel();
      expect((await mint(GOOD)).status).toBe(200);
    });

    it('redirects', async () => {
      simulator.fault({ kind: 'redirect', location: 'http://127.0.0.1:9/elsewhere', times: 1 });
      const response = await post(GOOD);
      expect(response.status).toBe(307);
      expect(response.headers.get('location')).toBe('http://127.0.0.1:9/elsewhere');
    });

    it('withholds the value or spoils the expiry of a good answer', async () => {
      simulator.fault({ kind: 'no_value', times: 1 }, { kind: 'expires_at', value: 'soon', times: 1 });
      const without = await mint(GOOD);
      expect(without.status).toBe(200);
      expect(without.body).not.toHaveProperty('value');
      expect((await mint(GOOD)).body).toHaveProperty('expires_at', 'soon');
    });

    it('never answers, and forgets the request when the client goes', async () => {
      simulator.fault({ kind: 'never', times: 1 });
      const gone = new AbortController();
      const pending = post(GOOD, { signal: gone.signal });
      pending.catch(() => undefined);
      while (simulator.seen().in_flight === 0) await control('seen?log=0', 'GET');
      gone.abort();
      await expect(pending).rejects.toThrow(/abort/i);
      while (simulator.seen().in_flight > 0) await control('seen?log=0', 'GET');
      expect(simulator.seen().log).toMatchObject([{ status: 0, fault: 'never' }]);
    });

    it.each<[string, unknown]>([
      ['an unknown kind', [{ kind: 'flood' }]],
      ['an unknown field', [{ kind: 'hangup', after: 1 }]],
      ['a fault that is not in a list', { kind: 'hangup' }],
      ['a fault without what it needs', [{ kind: 'latency' }]],
      ['a key instead of its fingerprint', [{ kind: 'hangup', key_fingerprint: 'a-key' }]],
    ])('refuses %s', async (_what, list) => {
      expect((await control('faults', 'POST', list)).status).toBe(400);
      expect((await mint(GOOD)).status).toBe(200);
    });

    it('are cleared together', async () => {
      simulator.fault({ kind: 'status', status: 500 }, { kind: 'latency', ms: 5 });
      expect((await control('faults', 'DELETE')).status).toBe(204);
      expect((await mint(GOOD)).status).toBe(200);
    });
  });

  describe('what was seen', () => {
    it('counts by key and keeps a log, without the keys', async () => {
      const asked = { ...session({ audio: { output: { voice: 'cedar' } } }) };
      await mint({ ...asked, expires_after: { anchor: 'created_at', seconds: 30 } });
      await mint({ session: {} }, { headers: { traceparent: '00-a-b-01', cookie: 'a=b', baggage: 'k=v' } });
      await mint(GOOD, { key: OTHER_KEY });

      const response = await control('seen', 'GET');
      const text = await response.text();
      expect(text).not.toContain(KEY);
      expect(text).not.toContain(OTHER_KEY);
      expect(JSON.parse(text)).toMatchObject({
        mints: 2,
        requests: 3,
        in_flight: 0,
        by_key: {
          [fingerprintOf(KEY)]: { requests: 2, minted: 1, rejected: 1 },
          [fingerprintOf(OTHER_KEY)]: { requests: 1, minted: 1, rejected: 0 },
        },
        log: [
          {
            at: expect.any(Number) as unknown,
            key_fingerprint: fingerprintOf(KEY),
            path: '/v1/realtime/client_secrets',
            status: 200,
            session_model: 'gpt-realtime-2.1',
            voice: 'cedar',
            ttl: 30,
            forbidden_headers: [],
            fault: null,
          },
          { status: 400, session_model: null, forbidden_headers: ['traceparent', 'baggage', 'cookie'] },
          { status: 200, key_fingerprint: fingerprintOf(OTHER_KEY), ttl: 600 },
        ],
      });
    });

    it('leaves out the log on demand, and starts afresh', async () => {
      await mint(GOOD);
      expect(await (await control('seen?log=0', 'GET')).json()).not.toHaveProperty('log');
      expect((await control('seen', 'DELETE')).status).toBe(204);
      const calls = { made: 0, open: 0 };
      expect(simulator.seen()).toEqual({ mints: 0, requests: 0, by_key: {}, in_flight: 0, calls, log: [] });
    });

    it('answers 404 and 405 for what it does not control', async () => {
      expect((await control('nothing', 'GET')).status).toBe(404);
      expect((await control('seen', 'POST')).status).toBe(405);
    });
  });

  it('closes at once, also with a request it never answers', async () => {
    const own = await startSimulator();
    own.fault({ kind: 'never' });
    const pending = fetch(`${own.url}/models`);
    pending.catch(() => undefined);
    while (own.seen().in_flight === 0) await control('seen?log=0', 'GET');
    await own.close();
    await expect(pending).rejects.toThrow('fetch failed');
  });
});

describe('the simulator as a program', () => {
  const main = fileURLToPath(new URL('../simulator/main.ts', import.meta.url));

  async function start(env: Record<string, string>): Promise<{ child: ChildProcess; url: string }> {
    const child = spawn(process.execPath, [main], { env, stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const [line] = (await once(lines, 'line')) as [string];
    return { child, url: (JSON.parse(line) as { url: string }).url };
  }

  it.each(['SIGTERM', 'SIGINT'] as const)('says where it listens and ends on %s', async (signal) => {
    const { child, url } = await start({});
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1$/);
    expect((await fetch(`${url}/models`)).status).toBe(401);
    const exited = once(child, 'exit');
    child.kill(signal);
    expect(await exited).toEqual([0, null]);
  });

  it('ends when its stdin closes, if so asked', async () => {
    const { child } = await start({ SIMULATOR_EXIT_WITH_PARENT: '1' });
    const exited = once(child, 'exit');
    child.stdin?.end();
    expect(await exited).toEqual([0, null]);
  });
});
