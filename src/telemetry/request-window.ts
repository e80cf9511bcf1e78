import type { Clock } from '../common/clock.ts';

const SECONDS = 300;

interface Bucket {
  second: number;
  requests: number;
  failures: number;
}

/** The share of requests that failed over the last five minutes, in one bucket a second. */
export class RequestWindow {
  readonly #clock: Clock;
  readonly #buckets: Bucket[] = Array.from({ length: SECONDS }, () => ({
    second: -1,
    requests: 0,
    failures: 0,
  }));

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  count(failed: boolean): void {
    const second = this.#second();
    const index = second % SECONDS;
    let bucket = this.#buckets[index];
    if (bucket?.second !== second) bucket = this.#buckets[index] = { second, requests: 0, failures: 0 };
    bucket.requests += 1;
    if (failed) bucket.failures += 1;
  }

  /** 0 when idle. */
  errorRate(): number {
    const oldest = this.#second() - SECONDS;
    let requests = 0;
    let failures = 0;
    for (const bucket of this.#buckets) {
      if (bucket.second <= oldest) continue;
      requests += bucket.requests;
      failures += bucket.failures;
    }
    return requests === 0 ? 0 : failures / requests;
  }

  #second(): number {
    return Math.floor(this.#clock.monotonic() / 1000);
  }
}
