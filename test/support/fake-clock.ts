import { Clock } from '../../src/common/clock.ts';

/** Time that passes only when a test says so. */
export class FakeClock extends Clock {
  #elapsed = 0;

  constructor(private readonly startedAt = Date.parse('2026-01-01T00:00:00Z')) {
    super();
  }

  advance(milliseconds: number): void {
    this.#elapsed += milliseconds;
  }

  override now(): number {
    return this.startedAt + this.#elapsed;
  }

  override monotonic(): number {
    return this.#elapsed;
  }
}
