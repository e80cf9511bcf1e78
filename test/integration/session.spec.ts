import OpenAI, { APIError, AuthenticationError, BadRequestError, RateLimitError } from 'openai';
import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { fingerprintOf } from '../simulator/simulator.ts';

const SESSION = '/session';
const CLIENT_SECRETS = '/v1/realtime/client_secrets';
const DEFAULT_MODEL = 'gpt-realtime-2.1';
const NAMED_MODELS = ['gpt-realtime-mini', 'gpt-realtime'];

const PROJECTS: Record<string, Record<string, unknown>> = {
  proj_listed: {
    session: {
      maxConcurrent: 1000,
      models: NAMED_MODELS,
      voices: ['cedar', 'marin'],
      defaults: { instructions: 'Speak softly.' },
    },
  },
  proj_tuned: {
    session: {
      maxConcurrent: 1000,
      secretTtlSeconds: 300,
      leaseSeconds: 900,
      modelAliases: { 'voice-small': 'gpt-realtime-mini' },
      defaults: { voice: 'marin', instructions: 'Be brief.' },
    },
  },
  proj_single: { session: { maxConcurrent: 1 } },
};

describe('opening a session', () => {
  let stack: Stack;
  let keys: Record<string, string>;

  beforeAll(async () => {
    keys = Object.fromEntries(Object.keys(PROJECTS).map((id) => [id, aKey()]));
    stack = await startStack({
      project: { session: { maxConcurrent: 1000 } },
      manifests: (baseUrl) => [
        ...Object.entries(PROJECTS).flatMap(([id, spec]) => [
          aProject(baseUrl, id, spec),
          aSecret(id, keys[id]!),
        ]),
        aClient('acme', PROJECT),
        aClient('lone', 'proj_single', { limits: { requests: 10 } }),
        aClient('spent', PROJECT, { limits: { requests: 10, sessionsPerMonth: 0 } }),
        aClient('tight', PROJECT, { limits: { requests: 1, windowSeconds: 3600 } }),
      ],
    });
  });
  afterAll(async () => {
    await stack.stop();
  });

  const open = (body: Record<string, unknown>): Promise<Answer> =>
    stack.request(SESSION, { body: { project_id: PROJECT, ...body } });
  const openCompatibly = (body: Record<string, unknown>): Promise<Answer> =>
    stack.request(CLIENT_SECRETS, { body: { project_id: PROJECT, ...body } });
  const lastSeen = (): { session_model: string | null; voice: string | null; ttl: number | null } =>
    stack.simulator.seen().log.at(-1)!;

  it.each([SESSION, CLIENT_SECRETS])(
    'answers %s with what the contract lists and nothing else',
    async (path) => {
      const before = Math.floor(Date.now() / 1000);
      const { status, json, headers } = await stack.request(path, { body: { project_id: PROJECT } });
      expect(status).toBe(200);
      const value = expect.stringMatching(/^ek_\w+$/) as unknown;
      const expiresAt = expect.any(Number) as unknown;
      expect(json).toEqual({
        session_id: expect.stringMatching(/^ses_[0-9a-z]{26}$/),
        id: expect.stringMatching(/^sess_\w+$/),
        object: 'realtime.session',
        model: DEFAULT_MODEL,
        voice: 'alloy',
        client_secret: { value, expires_at: expiresAt },
        value,
        expires_at: expiresAt,
        session: expect.objectContaining({
          type: 'realtime',
          object: 'realtime.session',
          model: DEFAULT_MODEL,
        }),
        connect: {
          webrtc: `${stack.simulator.url}/realtime/calls`,
          websocket: `${stack.simulator.url.replace('http', 'ws')}/realtime?model=${DEFAULT_MODEL}`,
        },
        lease_token: expect.any(String),
        lease_expires_at: expect.any(Number),
        turn_credentials: { iceServers: [{ urls: [expect.stringMatching(/^stun:/)] }] },
        metadata: {
          project_id: PROJECT,
          provider: 'openai',
          flow: 'vault',
          active_sessions: expect.any(Number),
          max_concurrent: 1000,
        },
      });
      expect(json.client_secret).toEqual({ value: json.value, expires_at: json.expires_at });
      expect(json.id).toBe(json.session.id);
      expect(json.expires_at - before).toBeGreaterThanOrEqual(60);
      expect(json.expires_at - before).toBeLessThanOrEqual(62);
      expect(json.lease_expires_at - before).toBeGreaterThanOrEqual(119);
      expect(json.lease_expires_at - before).toBeLessThanOrEqual(122);
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-request-id')).toMatch(/^req_/);
    },
  );

  it('opens for a client by its JWT alone, and says so', async () => {
    const authorization = `Bearer ${await stack.token('acme')}`;
    const { status, json } = await stack.request(SESSION, { method: 'POST', headers: { authorization } });
    expect(status).toBe(200);
    expect(json.metadata).toMatchObject({ project_id: PROJECT, flow: 'commercial' });
  });

  it('counts live sessions in the answer, its own included', async () => {
    const { json: first } = await stack.request(SESSION, { body: { project_id: 'proj_listed' } });
    const { json: second } = await stack.request(SESSION, { body: { project_id: 'proj_listed' } });
    expect(second.metadata.active_sessions).toBe(Number(first.metadata.active_sessions) + 1);
  });

  it('asks the provider with the project’s key, once for a session', async () => {
    const minted = (): number => stack.simulator.seen().by_key[fingerprintOf(stack.key)]?.minted ?? 0;
    const before = minted();
    const { requests } = stack.simulator.seen();
    await open({});
    expect(minted()).toBe(before + 1);
    expect(stack.simulator.seen().requests).toBe(requests + 1);
  });

  describe('fields', () => {
    const marker = 'XyzzyMarker';

    it.each<[string, Record<string, unknown>, string[]]>([
      ['a model that is no name', { model: `${marker} spaced` }, ['/model']],
      ['a model that is no text', { model: 7 }, ['/model']],
      ['a voice that is no name', { voice: `<${marker}>` }, ['/voice']],
      ['a voice that is too long', { voice: 'v'.repeat(129) }, ['/voice']],
      ['instructions that are no text', { instructions: { [marker]: true } }, ['/instructions']],
      ['instructions that are too long', { instructions: marker.repeat(3000) }, ['/instructions']],
      ['several at once', { model: [marker], voice: 1 }, ['/model', '/voice']],
      ['an unknown field', { [marker]: 1 }, ['/']],
      ['a field of the other route', { session: { type: 'realtime' } }, ['/']],
    ])('of POST /session refused: %s', async (_what, body, paths) => {
      const { status, json, text } = await open(body);
      expect(status).toBe(400);
      expect(json.error).toBe('invalid_request');
      expect(json.details.map(({ path }: { path: string }) => path)).toEqual(paths);
      expect(text).not.toContain(marker);
    });

    it.each<[string, Record<string, unknown>, string]>([
      ['a session that is not realtime', { session: { type: 'transcription' } }, '/session/type'],
      ['a session without type', { session: { model: DEFAULT_MODEL } }, '/session/type'],
      ['a model that is no name', { session: { type: 'realtime', model: `${marker}!` } }, '/session/model'],
      [
        'a voice that is no name',
        { session: { type: 'realtime', audio: { output: { voice: `${marker} ` } } } },
        '/session/audio/output/voice',
      ],
      ['an unknown field', { [marker]: true }, '/'],
      ['an unknown field of the session', { session: { type: 'realtime', [marker]: true } }, '/session'],
      ['another anchor', { expires_after: { anchor: marker, seconds: 60 } }, '/expires_after/anchor'],
      [
        'a TTL below the shortest',
        { expires_after: { anchor: 'created_at', seconds: 9 } },
        '/expires_after/seconds',
      ],
      [
        'a TTL above the longest',
        { expires_after: { anchor: 'created_at', seconds: 7201 } },
        '/expires_after/seconds',
      ],
      ['a TTL that is no number', { expires_after: { seconds: marker } }, '/expires_after/seconds'],
    ])('of the compatible route refused in the provider’s envelope: %s', async (_what, body, path) => {
      const { status, json, text } = await openCompatibly(body);
      expect(status).toBe(400);
      expect(json.error).toEqual({
        message: expect.any(String),
        type: 'invalid_request_error',
        param: path.slice(1).replaceAll('/', '.') || null,
        code: 'invalid_request',
      });
      expect(json.details).toContainEqual({ path, message: expect.any(String) });
      expect(text).not.toContain(marker);
    });

    it('that are refused reach neither the provider nor the audit', async () => {
      const { requests } = stack.simulator.seen();
      const rows = await stack.database.query('SELECT FROM audit_events');
      await open({ model: 7 });
      await openCompatibly({ session: { type: 'transcription' } });
      expect(stack.simulator.seen().requests).toBe(requests);
      expect(await stack.database.query('SELECT FROM audit_events')).toHaveLength(rows.length);
    });
  });

  describe('models and voices', () => {
    it('any are taken where a project lists none', async () => {
      const { status, json } = await open({ model: 'gpt-realtime-1.5', voice: 'sage' });
      expect(status).toBe(200);
      expect([json.model, json.voice]).toEqual(['gpt-realtime-1.5', 'sage']);
      expect(lastSeen()).toMatchObject({ session_model: 'gpt-realtime-1.5', voice: 'sage' });
    });

    it('the first listed model is the default, and only listed ones are taken', async () => {
      const { json } = await open({ project_id: 'proj_listed' });
      expect(json.model).toBe('gpt-realtime-mini');
      expect((await open({ project_id: 'proj_listed', model: 'gpt-realtime' })).status).toBe(200);
      const refused = await open({ project_id: 'proj_listed', model: DEFAULT_MODEL });
      expect(refused.status).toBe(400);
      expect(refused.json.details).toEqual([{ path: '/model', message: expect.any(String) }]);
    });

    it('only listed voices are taken, on both routes', async () => {
      expect((await open({ project_id: 'proj_listed', voice: 'marin' })).json.voice).toBe('marin');
      const refused = await open({ project_id: 'proj_listed', voice: 'echo' });
      expect(refused.status).toBe(400);
      expect(refused.json.details).toEqual([{ path: '/voice', message: expect.any(String) }]);
      const session = { type: 'realtime', audio: { output: { voice: 'echo' } } };
      const compatibly = await openCompatibly({ project_id: 'proj_listed', session });
      expect(compatibly.status).toBe(400);
      expect(compatibly.json.error.param).toBe('session.audio.output.voice');
    });

    it('an old client’s model becomes the project’s default model', async () => {
      const model = 'gpt-4o-realtime-preview';
      expect((await open({ model })).json.model).toBe(DEFAULT_MODEL);
      expect((await open({ project_id: 'proj_listed', model })).json.model).toBe('gpt-realtime-mini');
      const session = { type: 'realtime', model };
      expect((await openCompatibly({ session })).json.model).toBe(DEFAULT_MODEL);
      expect(lastSeen().session_model).toBe(DEFAULT_MODEL);
    });

    it('a project’s own aliases take the place of the built-in one', async () => {
      const { json } = await open({ project_id: 'proj_tuned', model: 'voice-small' });
      expect(json.model).toBe('gpt-realtime-mini');
      expect(lastSeen().session_model).toBe('gpt-realtime-mini');
    });

    it('a name of every object is no alias', async () => {
      expect((await open({ model: 'constructor' })).json.model).toBe('constructor');
    });
  });

  describe('defaults', () => {
    it('of a project reach the provider where the caller says nothing', async () => {
      const { json } = await open({ project_id: 'proj_tuned' });
      expect(json.voice).toBe('marin');
      expect(json.session).toMatchObject({
        instructions: 'Be brief.',
        audio: { output: { voice: 'marin' } },
      });
    });

    it('give way to what the caller says', async () => {
      const { json } = await open({ project_id: 'proj_tuned', voice: 'cedar', instructions: 'Sing.' });
      expect(json.voice).toBe('cedar');
      expect(json.session).toMatchObject({ instructions: 'Sing.', audio: { output: { voice: 'cedar' } } });
    });

    it('hold on the compatible route, too', async () => {
      const { json } = await openCompatibly({ project_id: 'proj_tuned', session: { type: 'realtime' } });
      expect(json.session).toMatchObject({
        instructions: 'Be brief.',
        audio: { output: { voice: 'marin' } },
      });
    });
  });

  describe('the secret’s lifetime', () => {
    it('is the project’s, and the provider is asked for it', async () => {
      const { json } = await open({ project_id: 'proj_tuned' });
      expect(lastSeen().ttl).toBe(300);
      expect(Math.abs(json.expires_at - Date.now() / 1000 - 300)).toBeLessThan(3);
    });

    it.each([
      [120, 120],
      [300, 300],
      [7200, 300],
    ])('asked for as %i s is clamped to the project’s: %i s', async (seconds, granted) => {
      const { status } = await openCompatibly({
        project_id: 'proj_tuned',
        expires_after: { anchor: 'created_at', seconds },
      });
      expect(status).toBe(200);
      expect(lastSeen().ttl).toBe(granted);
    });
  });

  it('hands the provider’s own session fields through', async () => {
    const session = {
      type: 'realtime',
      model: 'gpt-realtime',
      instructions: 'Greet first.',
      output_modalities: ['audio'],
      audio: {
        input: { turn_detection: { type: 'semantic_vad', eagerness: 'low' }, noise_reduction: null },
        output: { voice: 'cedar', speed: 1.25 },
      },
      tools: [{ type: 'function', name: 'lookup', parameters: { type: 'object' } }],
      tool_choice: 'required',
      max_output_tokens: 512,
      truncation: { type: 'retention_ratio', retention_ratio: 0.5 },
      tracing: 'auto',
      reasoning: { effort: 'low' },
      parallel_tool_calls: false,
      include: ['item.input_audio_transcription.logprobs'],
      prompt: { id: 'pmpt_1', version: '2' },
    };
    const { status, json } = await openCompatibly({ session });
    expect(status).toBe(200);
    expect(json.session).toMatchObject(session);
  });

  it('hands a custom voice through as the provider writes it', async () => {
    const session = { type: 'realtime', audio: { output: { voice: { id: 'voice_abc' } } } };
    const { status, json } = await openCompatibly({ session });
    expect(status).toBe(200);
    expect(json.voice).toBe('voice_abc');
    expect(lastSeen().voice).toBe('voice_abc');
  });

  describe('by the official SDK with another base URL and key', () => {
    const sdk = (apiKey: string): OpenAI => new OpenAI({ baseURL: `${stack.url}/v1`, apiKey });
    const sdkOf = async (client: string): Promise<OpenAI> => sdk(await stack.token(client));
    const refused = async (attempt: Promise<unknown>): Promise<APIError> => {
      const error = await attempt.then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(APIError);
      return error as APIError;
    };
    /** Every request counts in the client's window of ten, so this is how many there have been. */
    const requestsSoFar = ({ headers }: APIError): number =>
      10 - Number(headers?.get('x-ratelimit-remaining'));

    it('works', async () => {
      const openai = await sdkOf('acme');
      const secret = await openai.realtime.clientSecrets.create({
        expires_after: { anchor: 'created_at', seconds: 30 },
        session: { type: 'realtime', model: 'gpt-realtime', audio: { output: { voice: 'cedar' } } },
      });
      expect(secret.value).toMatch(/^ek_/);
      expect(secret.expires_at).toBeGreaterThan(Date.now() / 1000);
      expect(secret.session).toMatchObject({ type: 'realtime', model: 'gpt-realtime' });
      expect(lastSeen()).toMatchObject({ session_model: 'gpt-realtime', voice: 'cedar', ttl: 30 });
    });

    it('a token that is none is an AuthenticationError', async () => {
      const error = await refused(sdk('not-a-token').realtime.clientSecrets.create({}));
      expect(error).toBeInstanceOf(AuthenticationError);
      expect(error.code).toBe('unauthorized');
      expect(error.message).toContain('vault-only');
    });

    it('refused fields are a BadRequestError that names the parameter', async () => {
      const openai = await sdkOf('acme');
      const error = await refused(
        openai.realtime.clientSecrets.create({ session: { type: 'realtime', model: 'no such model' } }),
      );
      expect(error).toBeInstanceOf(BadRequestError);
      expect([error.type, error.param]).toEqual(['invalid_request_error', 'session.model']);
    });

    it('the cap is a RateLimitError that the SDK does not retry', async () => {
      const openai = await sdkOf('lone');
      await openai.realtime.clientSecrets.create({});
      const error = await refused(openai.realtime.clientSecrets.create({}));
      expect(error).toBeInstanceOf(RateLimitError);
      expect(error.code).toBe('concurrency_limit_exceeded');
      expect(error.requestID).toMatch(/^req_/);
      expect(requestsSoFar(error)).toBe(2);
    });

    it('a used-up quota is a RateLimitError that the SDK does not retry', async () => {
      const openai = await sdkOf('spent');
      const error = await refused(openai.realtime.clientSecrets.create({}));
      expect(error).toBeInstanceOf(RateLimitError);
      expect(error.code).toBe('quota_exceeded');
      expect(requestsSoFar(error)).toBe(1);
    });

    it('a used-up window is a RateLimitError that tells when to come back', async () => {
      const openai = new OpenAI({
        baseURL: `${stack.url}/v1`,
        apiKey: await stack.token('tight'),
        maxRetries: 0,
      });
      await openai.realtime.clientSecrets.create({});
      const error = await refused(openai.realtime.clientSecrets.create({}));
      expect(error).toBeInstanceOf(RateLimitError);
      expect(error.code).toBe('rate_limited');
      expect(Number(error.headers?.get('retry-after'))).toBeGreaterThan(3500);
    });

    it('a request that fails once is retried by the SDK and then works', async () => {
      stack.simulator.fault({ kind: 'status', status: 500, times: 1 });
      const openai = await sdkOf('acme');
      const { value } = await openai.realtime.clientSecrets.create({});
      expect(value).toMatch(/^ek_/);
    });
  });
});
