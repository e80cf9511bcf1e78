import type { ThrottlerStorage } from '@nestjs/throttler';
import type { Clock } from '../common/clock.ts';

const MAX_ADDRESSES = 100_000;

interface Window {
  startedAt: number;
  hits: number;
}

type Increment = Awaited<ReturnType<ThrottlerStorage['increment']>>;

/**
 * Fixed windows in memory, one entry an address, constant work a request: the throttler's own storage walks every
 * hit of a window. When full, the oldest window makes room.
 */
export class AddressWindows implements ThrottlerStorage {
  readonly #clock: Clock;
  readonly #windows = new Map<string, Window>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async increment(key: string, ttl: number, limit: number): Promise<Increment> {
    return Promise.resolve(this.count(key, ttl, limit));
  }

  /** What `increment` does, at once. */
  count(key: string, ttl: number, limit: number): Increment {
    const now = this.#clock.monotonic();
    let window = this.#windows.get(key);
    if (window === undefined || window.startedAt + ttl <= now) {
      this.#windows.delete(key);
      this.#dropOldest(now, ttl);
      window = { startedAt: now, hits: 0 };
      this.#windows.set(key, window);
    }
    window.hits += 1;
    const seconds = Math.ceil((window.startedAt + ttl - now) / 1000);
    const isBlocked = window.hits > limit;
    return {
      totalHits: window.hits,
      timeToExpire: seconds,
      isBlocked,
      timeToBlockExpire: isBlocked ? seconds : 0,
    };
  }

  /** The map keeps the order of window starts, so what is over is at its beginning. */
  #dropOldest(now: number, ttl: number): void {
    for (const [key, { startedAt }] of this.#windows) {
      if (startedAt + ttl > now && this.#windows.size < MAX_ADDRESSES) return;
      this.#windows.delete(key);
    }
  }
}
