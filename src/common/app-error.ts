/** The closed list of error codes that an API answer can carry, with their HTTP status. */
export const STATUS_BY_CODE = {
  invalid_request: 400,
  invalid_key: 400,
  unauthorized: 401,
  forbidden: 403,
  suspended: 403,
  not_found: 404,
  method_not_allowed: 405,
  idempotency_conflict: 409,
  session_ended: 410,
  payload_too_large: 413,
  unsupported_media_type: 415,
  misdirected: 421,
  rate_limited: 429,
  quota_exceeded: 429,
  concurrency_limit_exceeded: 429,
  provider_rate_limited: 429,
  internal: 500,
  provider_rejected_key: 502,
  provider_error: 502,
  unavailable: 503,
  key_unavailable: 503,
} as const;

export type ErrorCode = keyof typeof STATUS_BY_CODE;

/** One reason why input was refused: `path` is a JSON Pointer into what was sent, never its value. */
export interface ErrorDetail {
  path: string;
  message: string;
}

/** The window, quota or cap that applied to a request; times are unix seconds by the database's clock. */
export interface LimitState {
  limit: number;
  remaining: number;
  resetAt: number;
}

export interface AppErrorOptions {
  /** Overrides the code's status; only `provider_error` has a second one (504, the deadline). */
  status?: number;
  details?: ErrorDetail[];
  /** Seconds; 429 and 503 always carry one (default 1). */
  retryAfter?: number;
  /** The limit that refused or counted this request, for the X-RateLimit headers. */
  limit?: LimitState;
  /** Unix seconds at which a 429 may succeed. */
  resetAt?: number;
  /** Which limit refused, for the metrics. */
  limitedBy?: string;
  /** For the log only. Never a secret, never what a client sent. */
  cause?: unknown;
  headers?: Record<string, string>;
}

/** A refusal that the caller is told about: `code` for programs, `message` for people, the rest for the log. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly options: AppErrorOptions;

  constructor(code: ErrorCode, publicMessage: string, options: AppErrorOptions = {}) {
    super(publicMessage, { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.status = options.status ?? STATUS_BY_CODE[code];
    this.options = options;
  }
}

export function invalidRequest(details: ErrorDetail[], message = 'The request is not valid.'): AppError {
  return new AppError('invalid_request', message, { details });
}

export function unavailable(message: string, cause?: unknown): AppError {
  return new AppError('unavailable', message, { retryAfter: 1, cause });
}

export function notFound(message = 'There is no such resource.'): AppError {
  return new AppError('not_found', message);
}
