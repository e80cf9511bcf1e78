/**
 * Whether this process should get traffic. It is about the process alone: a database that is away makes every
 * replica answer 503 with Retry-After, and must not take all of them out of service at once.
 */
export class Readiness {
  #started = false;
  #draining = false;

  markStarted(): void {
    this.#started = true;
  }

  markDraining(): void {
    this.#draining = true;
  }

  /** Why not; undefined when ready. */
  problem(): string | undefined {
    if (this.#draining) return 'draining';
    return this.#started ? undefined : 'starting';
  }
}
