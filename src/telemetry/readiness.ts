/**
 * Whether this process should get traffic. It is about the process alone: a database that is away makes every
 * replica answer 503 with Retry-After, and must not take all of them out of service at once.
 */
export class Readiness {
  #started = false;
  #draining = false;
  readonly #requirements: (() => string | undefined)[] = [];

  markStarted(): void {
    this.#started = true;
  }

  markDraining(): void {
    this.#draining = true;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Something of this process alone that must work, and may stop to; it tells what is wrong. */
  require(requirement: () => string | undefined): void {
    this.#requirements.push(requirement);
  }

  /** Why not; undefined when ready. */
  problem(): string | undefined {
    if (this.#draining) return 'draining';
    if (!this.#started) return 'starting';
    return this.#requirements.map((problem) => problem()).find((problem) => problem !== undefined);
  }
}
