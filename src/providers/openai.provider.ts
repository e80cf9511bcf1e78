import { SpanKind, trace } from '@opentelemetry/api';
import { AppError } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import { isRecord } from '../common/json.ts';
import { memo } from '../common/memo.ts';
import { withoutTrailingSlash } from '../common/url.ts';
import { traced } from '../telemetry/tracing.ts';
import type { ProjectKey } from '../vault/project-key.ts';
import { DeadlineError, post, postAgent, type PostAnswer } from './post.ts';
import { type Grant, type MintRequest, RealtimeProvider } from './realtime-provider.ts';

/** Below the lease of an opening session, so that a late answer is the exception. */
const DEADLINE_MS = 10_000;
const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_SKEW_S = 60;
const MAX_KEPT_ENDPOINTS = 100;
const CONNECTIONS = 256;
const DEFAULT_RETRY_AFTER_S = 5;
const MAX_RETRY_AFTER_S = 86_400;
const SHORTEST_TTL_S = 10;
const OWN_PARAMETERS = /^session(\.(model|voice|instructions|audio\.output\.voice))?$/;

export interface ProviderObserver {
  /** How many seconds a request took, whatever became of it. */
  onAnswered: (seconds: number) => void;
  /** Whether the provider took the key of a mint. */
  onVerdict: (keyFingerprint: string, accepted: boolean) => void;
}

/** OpenAI's GA Realtime API, `POST {baseUrl}/realtime/client_secrets`. */
export class OpenAiProvider extends RealtimeProvider {
  readonly #clock: Clock;
  readonly #observer: ProviderObserver;
  readonly #agent = postAgent(CONNECTIONS, DEADLINE_MS);

  constructor(clock: Clock, observer: ProviderObserver) {
    super();
    this.#clock = clock;
    this.#observer = observer;
  }

  override async mint(key: ProjectKey, mint: MintRequest, signal: AbortSignal): Promise<Grant> {
    const authorization = await traced('key', () => bearer(key));
    const { attributes } = endpointOf(mint.baseUrl);
    const asked = (): Promise<Grant> => this.#mint(authorization, key, mint, signal);
    return traced('mint', asked, { kind: SpanKind.CLIENT, attributes });
  }

  async #mint(
    authorization: string,
    key: ProjectKey,
    mint: MintRequest,
    signal: AbortSignal,
  ): Promise<Grant> {
    const answer = await this.#post(authorization, mint.baseUrl, mintBody(mint), signal);
    if (answer.status === 200 || isKeyRefused(answer)) {
      this.#observer.onVerdict(key.fingerprint, answer.status === 200);
    }
    if (answer.status !== 200) throw refusal(answer, this.#clock.now());
    const grant = readGrant(answer.text, mint);
    // As parsed, where escapes in the text could hide it.
    const told = answer.text.includes('\\') ? JSON.stringify(grant) : answer.text;
    if (told.includes(JSON.stringify(key.reveal()).slice(1, -1))) {
      throw providerError('answered with the key itself');
    }
    const latest = Math.floor(this.#clock.now() / 1000) + mint.ttlSeconds + MAX_SKEW_S;
    if (grant.expiresAt > latest) throw providerError('answered with a credential that lives too long');
    return grant;
  }

  /** By minting the shortest credential: unlike listing models, it asks for the very permission that is needed. */
  override async accepts(key: ProjectKey, baseUrl: string): Promise<boolean> {
    const body = {
      expires_after: { anchor: 'created_at', seconds: SHORTEST_TTL_S },
      session: { type: 'realtime' },
    };
    const answer = await this.#post(bearer(key), baseUrl, body);
    if (answer.status === 200) return true;
    if (isKeyRefused(answer)) return false;
    throw refusal(answer, this.#clock.now());
  }

  override async close(): Promise<void> {
    await this.#agent.close();
  }

  async #post(
    authorization: string,
    baseUrl: string,
    body: unknown,
    signal?: AbortSignal,
  ): Promise<PostAnswer> {
    const started = this.#clock.monotonic();
    try {
      const answer = await post(this.#agent, {
        url: endpointOf(baseUrl).url,
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        deadlineMs: DEADLINE_MS,
        maxAnswerBytes: MAX_ANSWER_BYTES,
        signal,
      });
      trace.getActiveSpan()?.setAttribute('http.response.status_code', answer.status);
      return answer;
    } catch (error) {
      throw failure(error);
    } finally {
      this.#observer.onAnswered((this.#clock.monotonic() - started) / 1000);
    }
  }
}

const endpointOf = memo(MAX_KEPT_ENDPOINTS, (baseUrl: string) => {
  const { origin, pathname, search, hostname, port } = new URL(
    `${withoutTrailingSlash(baseUrl)}/realtime/client_secrets`,
  );
  const attributes = {
    'http.request.method': 'POST',
    'server.address': hostname,
    ...(port !== '' && { 'server.port': Number(port) }),
  };
  return { url: { origin, pathname, search }, attributes };
});

function bearer(key: ProjectKey): string {
  return `Bearer ${key.reveal()}`;
}

function mintBody({ model, voice, instructions, ttlSeconds, session }: MintRequest): Record<string, unknown> {
  const audio = isRecord(session['audio']) ? session['audio'] : {};
  const output = isRecord(audio['output']) ? audio['output'] : {};
  return {
    expires_after: { anchor: 'created_at', seconds: ttlSeconds },
    session: {
      ...session,
      type: 'realtime',
      model,
      ...(instructions === undefined ? {} : { instructions }),
      ...(voice === undefined ? {} : { audio: { ...audio, output: { voice, ...output } } }),
    },
  };
}

function readGrant(text: string, { baseUrl, model }: MintRequest): Grant {
  const answer = parse(text);
  const { value, expires_at: expiresAt, session } = answer;
  if (typeof value !== 'string' || !/^[\x21-\x7e]{1,4096}$/.test(value))
    throw providerError('answered without a value');
  if (typeof expiresAt !== 'number' || !Number.isSafeInteger(expiresAt)) {
    throw providerError('answered without a valid expires_at');
  }
  if (!isRecord(session)) throw providerError('answered without a session');
  const base = withoutTrailingSlash(baseUrl);
  return {
    value,
    expiresAt,
    providerSessionId: storableId(session['id']),
    session,
    connect: {
      webrtc: `${base}/realtime/calls`,
      websocket: `${base.replace(/^http/, 'ws')}/realtime?model=${encodeURIComponent(model)}`,
    },
  };
}

/** Stored and answered as it is; anything else than a plain id is treated as none. */
function storableId(id: unknown): string | undefined {
  return typeof id === 'string' && /^[\x21-\x7e]{1,256}$/.test(id) ? id : undefined;
}

function parse(text: string): Record<string, unknown> {
  try {
    const answer: unknown = JSON.parse(text);
    if (isRecord(answer)) return answer;
  } catch {
    // told below: what a provider answered in its stead is not repeated anywhere
  }
  throw providerError('did not answer with a JSON object');
}

function providerError(what: string): AppError {
  return new AppError('provider_error', `The provider ${what}.`);
}

function isKeyRefused({ status }: PostAnswer): boolean {
  return status === 401 || status === 403;
}

function refusal(answer: PostAnswer, now: number): AppError {
  const { status, headers, text } = answer;
  if (isKeyRefused(answer)) {
    return new AppError('provider_rejected_key', 'The provider rejected the project’s key.');
  }
  if (status === 429) {
    const seconds = retrySeconds(headers['retry-after'], now);
    return new AppError('provider_rate_limited', 'The provider limits this project’s requests.', {
      retryAfter: seconds,
    });
  }
  if (status === 400 || status === 404 || status === 422) {
    return new AppError('invalid_request', 'The provider refused the request.', {
      details: refusedParameter(text),
    });
  }
  return providerError(`answered with status ${status}`);
}

/** The parameter that the provider names, if it is one that a request of ours can have; never its words. */
function refusedParameter(text: string): { path: string; message: string }[] {
  const path = namedParameter(text);
  return [
    {
      path: path === undefined ? '/' : `/${path.replaceAll('.', '/')}`,
      message: 'was refused by the provider',
    },
  ];
}

function namedParameter(text: string): string | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    const parameter = isRecord(answer) && isRecord(answer['error']) ? answer['error']['param'] : undefined;
    return typeof parameter === 'string' && OWN_PARAMETERS.test(parameter) ? parameter : undefined;
  } catch {
    return undefined;
  }
}

/** Seconds of a Retry-After header, which holds seconds or an HTTP date. */
function retrySeconds(header: string | undefined, now: number): number {
  const date = Date.parse(header ?? '');
  const seconds = /^\d+$/.test(header ?? '') ? Number(header) : (date - now) / 1000;
  return seconds >= 1 ? Math.min(Math.ceil(seconds), MAX_RETRY_AFTER_S) : DEFAULT_RETRY_AFTER_S;
}

function failure(error: unknown): AppError {
  const code = (error as { code?: unknown }).code;
  if (error instanceof DeadlineError || (typeof code === 'string' && code.includes('TIMEOUT'))) {
    return new AppError('provider_error', 'The provider did not answer in time.', { status: 504 });
  }
  return new AppError('provider_error', 'The provider could not be asked.', { cause: describe(error) });
}

/** Errors of the client library can carry the request, headers and all: only their name and code are kept. */
function describe(error: unknown): Error {
  const { name, code } = error as { name?: string; code?: string };
  return new Error(`provider request failed: ${name ?? 'error'} ${code ?? ''}`.trim());
}
