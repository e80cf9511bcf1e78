/** The API server's refusal. It holds no body: one can hold what was sent. */
export class KubernetesError extends Error {
  /** HTTP's. */
  readonly status: number;
  /** The Status object's, such as `AlreadyExists`. */
  readonly reason: string;

  constructor(status: number, reason: string, path: string) {
    super(`the API server answered ${status} ${reason} for ${path}`);
    this.name = 'KubernetesError';
    this.status = status;
    this.reason = reason;
  }
}

export function hasStatus(error: unknown, status: number): boolean {
  return error instanceof KubernetesError && error.status === status;
}
