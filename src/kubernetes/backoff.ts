import { setTimeout as delay } from 'node:timers/promises';

export interface BackoffBounds {
  firstMs: number;
  mostMs: number;
}

/** Waits twice as long each time, up to a bound, and not in step with others who wait for the same. */
export class Backoff {
  readonly #bounds: BackoffBounds;
  readonly #signal: AbortSignal;
  #next: number;

  constructor(bounds: BackoffBounds, signal: AbortSignal) {
    this.#bounds = bounds;
    this.#signal = signal;
    this.#next = bounds.firstMs;
  }

  reset(): void {
    this.#next = this.#bounds.firstMs;
  }

  /** Resolves early when the signal aborts. */
  async wait(): Promise<void> {
    const milliseconds = this.#next * (0.5 + Math.random() / 2);
    this.#next = Math.min(this.#next * 2, this.#bounds.mostMs);
    await delay(milliseconds, undefined, { signal: this.#signal }).catch(() => undefined);
  }
}
