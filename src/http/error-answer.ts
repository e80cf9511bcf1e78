import { type AppError, type LimitState } from '../common/app-error.ts';
import { CLIENT_SECRETS_PATH } from './request-context.ts';

const DEFAULT_RETRY_AFTER_S = 1;
/** Codes after which an SDK's own retry would only be refused again. */
const NOT_TO_BE_RETRIED = new Set(['concurrency_limit_exceeded', 'quota_exceeded']);

export interface ErrorAnswer {
  status: number;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

/** An error as the caller sees it: our envelope, or the provider's on the route that speaks its language. */
export function errorAnswer(error: AppError, requestId: string, path: string, now: number): ErrorAnswer {
  const { details, limit, headers } = error.options;
  const resetAt = error.status === 429 ? resetTime(error, now) : undefined;
  const compatible = path === CLIENT_SECRETS_PATH;
  const extra = {
    request_id: requestId,
    ...(details === undefined ? {} : { details }),
    ...(resetAt === undefined ? {} : { resetAt }),
  };
  return {
    status: error.status,
    headers: {
      ...headers,
      ...rateLimitHeaders(limit),
      ...retryHeaders(error),
      ...(compatible && NOT_TO_BE_RETRIED.has(error.code) ? { 'x-should-retry': 'false' } : {}),
    },
    body: compatible
      ? { error: providerError(error), ...extra }
      : { error: error.code, message: error.message, ...extra },
  };
}

/** Unix seconds: as the limit says, else when Retry-After is over. */
function resetTime({ options }: AppError, now: number): number {
  return options.resetAt ?? Math.ceil(now / 1000) + (options.retryAfter ?? DEFAULT_RETRY_AFTER_S);
}

export function rateLimitHeaders(limit: LimitState | undefined): Record<string, string> {
  if (limit === undefined) return {};
  return {
    'x-ratelimit-limit': String(limit.limit),
    'x-ratelimit-remaining': String(limit.remaining),
    'x-ratelimit-reset': String(limit.resetAt),
  };
}

function retryHeaders(error: AppError): Record<string, string> {
  if (error.status !== 429 && error.status !== 503) return {};
  return { 'retry-after': String(error.options.retryAfter ?? DEFAULT_RETRY_AFTER_S) };
}

/** The provider's word for a class of errors. */
export function providerErrorType(status: number): string {
  if (status === 429) return 'rate_limit_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

function providerError(error: AppError): Record<string, unknown> {
  return {
    message: error.message,
    type: providerErrorType(error.status),
    param: error.options.details?.[0]?.path.slice(1).replaceAll('/', '.') || null,
    code: error.code,
  };
}
