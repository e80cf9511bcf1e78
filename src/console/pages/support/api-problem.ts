/** A refusal by the service; without a code when there was no answer of the service at all. */
export class ApiProblem extends Error {
  readonly status: number;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  /** Unix milliseconds by the browser's clock: when another try may succeed. */
  readonly retryAt: number | undefined;
  /** What is wrong, by JSON Pointer. */
  readonly details: readonly { path: string; message: string }[];

  constructor(status: number, body: ErrorBody, retryAt?: number) {
    super(body.message ?? 'The service did not answer.');
    this.status = status;
    this.code = body.error;
    this.requestId = body.request_id;
    this.details = body.details ?? [];
    this.retryAt = retryAt;
  }
}

/** Of a refusal, as far as pages read it. */
export interface ErrorBody {
  error?: string;
  message?: string;
  request_id?: string;
  details?: { path: string; message: string }[];
  resetAt?: number;
}
