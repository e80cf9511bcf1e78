import { ApiProblem, type ErrorBody } from './api-problem.ts';
import { now } from './clock.ts';
import { baseUrl } from './settings.ts';

/** An answer that takes longer is none. The service itself gives up on a provider after 10 s. */
const TIMEOUT_MS = 20_000;

export interface ApiRequest {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** An answer of the service. */
export interface ApiAnswer<T> {
  data: T;
  /** Milliseconds by which the service's clock is ahead of the browser's, to a second. */
  clockAhead: number;
}

/** Asks the service; rejects with an `ApiProblem`. */
export async function ask<T>(path: string, request: ApiRequest = {}): Promise<ApiAnswer<T>> {
  const { method = 'GET', body, headers, signal } = request;
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(baseUrl + path, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? null : JSON.stringify(body),
    cache: 'no-store',
    signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
  }).catch(() => {
    throw new ApiProblem(0, {});
  });
  const clockAhead = clockAheadOf(response);
  const data: unknown = await response.json().catch(() => undefined);
  if (response.ok) return { data: data as T, clockAhead };
  throw new ApiProblem(response.status, data ?? {}, retryAt(response, data, clockAhead));
}

function clockAheadOf(response: Response): number {
  const date = Date.parse(response.headers.get('date') ?? '');
  // To the second is all that the header tells: half a second on average is what it leaves out.
  return Number.isNaN(date) ? 0 : date + 500 - now();
}

function retryAt(response: Response, data: unknown, clockAhead: number): number | undefined {
  const { resetAt } = (data ?? {}) as ErrorBody;
  if (resetAt !== undefined) return resetAt * 1000 - clockAhead;
  const seconds = Number(response.headers.get('retry-after') ?? 'none');
  return Number.isNaN(seconds) ? undefined : now() + seconds * 1000;
}

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
