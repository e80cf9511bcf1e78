/**
 * Time as an input. `now` serves tokens, caches and labels; whatever several processes must agree on
 * (leases, windows, quotas, audit times) runs by the database's clock instead.
 */
export abstract class Clock {
  /** Milliseconds since the Unix epoch. */
  abstract now(): number;
  /** Milliseconds from an arbitrary start; never steps back. */
  abstract monotonic(): number;
}

export class SystemClock extends Clock {
  override now(): number {
    return Date.now();
  }

  override monotonic(): number {
    return performance.now();
  }
}
