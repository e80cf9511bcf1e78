import { baseUrl } from '../support/settings.ts';

const TIMEOUT_MS = 15_000;
/** A deposit asks the provider and waits until the key is unsealed: 10 s each, and the cluster's own time. */
const ACTION_TIMEOUT_MS = 45_000;

/** An answer that is no success, or none at all. */
export class ApiError extends Error {
  /** 0 without an answer. */
  readonly status: number;
  /** One of the API's codes, `unreachable`, or `unanswered`: it may have been done all the same. */
  readonly code: string;
  /** Seconds. */
  readonly retryAfter: number | undefined;
  readonly requestId: string | undefined;
  /** What is wrong with fields, one sentence each. */
  readonly details: readonly string[];

  constructor(status: number, answer: ErrorAnswer, retryAfter?: number) {
    super(answer.message ?? 'The service did not answer.');
    this.status = status;
    this.code = answer.error ?? 'unreachable';
    this.retryAfter = retryAfter;
    this.requestId = answer.request_id;
    this.details = (answer.details ?? []).map(({ path, message }) => `${path.slice(1)} ${message}`.trim());
  }
}

interface ErrorAnswer {
  error?: string;
  message?: string;
  request_id?: string;
  details?: { path: string; message: string }[];
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** The admin routes, under a key that nothing but this object has: not the page's storage, not its URL. */
export class AdminApi {
  readonly #key: string;
  readonly #onRefused: () => void;

  /** `onRefused`: the key is not valid, or no longer. */
  constructor(key: string, onRefused: () => void) {
    this.#key = key;
    this.#onRefused = onRefused;
  }

  async get<T>(path: string): Promise<T> {
    return (await (await this.#ask('GET', path, undefined, within(TIMEOUT_MS))).json()) as T;
  }

  async send<T>(method: Method, path: string, body?: unknown): Promise<T> {
    try {
      const response = await this.#ask(method, path, body, within(ACTION_TIMEOUT_MS));
      return (response.status === 204 ? undefined : await response.json()) as T;
    } catch (thrown) {
      const error = toApiError(thrown);
      throw isUnknown(error)
        ? new ApiError(error.status, { error: 'unanswered', message: error.message })
        : error;
    }
  }

  /** A text with what it says of a next page. */
  async text(path: string): Promise<{ text: string; next: string | null }> {
    const response = await this.#ask('GET', path, undefined, within(TIMEOUT_MS));
    return { text: await response.text(), next: response.headers.get('x-next-cursor') };
  }

  /** An answer without an end; its reader ends it by the signal. */
  async stream(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#ask('GET', path, undefined, signal);
    if (body === null) throw new ApiError(0, {});
    return body;
  }

  async #ask(method: Method, path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    const response = await this.#fetch(method, path, body, signal);
    if (response.ok) return response;
    if (response.status === 401) this.#onRefused();
    const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
    const answer = (await response.json().catch(() => ({}))) as ErrorAnswer;
    throw new ApiError(response.status, answer, Number.isNaN(retryAfter) ? undefined : retryAfter);
  }

  async #fetch(method: Method, path: string, body: unknown, signal: AbortSignal): Promise<Response> {
    try {
      return await fetch(new URL(path, baseUrl), {
        method,
        headers: {
          'x-admin-api-key': this.#key,
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        cache: 'no-store',
        credentials: 'omit',
        signal,
      });
    } catch (error) {
      throw new ApiError(0, {
        message:
          error instanceof Error && error.name === 'TimeoutError'
            ? 'There was no answer in time.'
            : 'The service cannot be reached.',
      });
    }
  }
}

function within(milliseconds: number): AbortSignal {
  return AbortSignal.timeout(milliseconds);
}

/** No answer, or one of whatever stands before the service and waited in vain. */
function isUnknown({ status, code }: ApiError): boolean {
  return code === 'unreachable' && (status === 0 || status >= 500);
}

/** What anything that was thrown is to who looks at the page. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(0, { message: 'The answer could not be read.' });
}
