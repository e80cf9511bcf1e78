import type { Clock } from '../common/clock.ts';

/** Thrown by work that has to be done again shortly and did not fail. */
export class TryAgain extends Error {
  readonly afterMs: number;

  constructor(afterMs: number) {
    super('to be done again');
    this.afterMs = afterMs;
  }
}

export interface WorkQueueOptions {
  workers: number;
  /** After a key's first failure; twice as much after each further one. */
  firstBackoffMs: number;
  mostBackoffMs: number;
}

export interface WorkQueueObserver {
  onAdded: () => void;
  onDepth: (keys: number) => void;
  onRetried: () => void;
  onDone: (seconds: number) => void;
  onFailed: (key: string, error: unknown) => void;
}

/**
 * Keys to be worked on. A key waits once, however often it is added, and is worked on by one worker at a time; added
 * meanwhile, it is worked on again. Its work decides anew from what is there by then.
 */
export class WorkQueue {
  readonly #work: (key: string) => Promise<void>;
  readonly #options: WorkQueueOptions;
  readonly #observer: WorkQueueObserver;
  readonly #clock: Clock;
  /** In the order in which they were added. */
  readonly #waiting = new Set<string>();
  readonly #working = new Map<string, Promise<void>>();
  readonly #again = new Set<string>();
  readonly #delayed = new Map<string, { at: number; timer: NodeJS.Timeout }>();
  readonly #failures = new Map<string, number>();
  #stopped = false;

  constructor(
    work: (key: string) => Promise<void>,
    options: WorkQueueOptions,
    observer: WorkQueueObserver,
    clock: Clock,
  ) {
    this.#work = work;
    this.#options = options;
    this.#observer = observer;
    this.#clock = clock;
  }

  /** One that failed waits for its time, whatever else wants it. */
  add(key: string): void {
    if (this.#stopped || this.#waiting.has(key) || this.#again.has(key)) return;
    if (this.#failures.has(key) && this.#delayed.has(key)) return;
    this.#observer.onAdded();
    if (this.#working.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    this.#dispatch();
  }

  /** Adds it after a while, or sooner if it was to be added sooner. */
  addAfter(key: string, milliseconds: number): void {
    if (this.#stopped) return;
    const at = this.#clock.monotonic() + milliseconds;
    const before = this.#delayed.get(key);
    if (before !== undefined && before.at <= at) return;
    clearTimeout(before?.timer);
    const timer = setTimeout(() => {
      this.#delayed.delete(key);
      this.add(key);
    }, milliseconds);
    timer.unref();
    this.#delayed.set(key, { at, timer });
  }

  /** Takes nothing more, and resolves once what was begun is done. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const { timer } of this.#delayed.values()) clearTimeout(timer);
    this.#delayed.clear();
    this.#waiting.clear();
    this.#again.clear();
    await Promise.all(this.#working.values());
  }

  #dispatch(): void {
    for (const key of this.#waiting) {
      if (this.#working.size >= this.#options.workers) break;
      this.#waiting.delete(key);
      this.#working.set(key, this.#run(key));
    }
    this.#observer.onDepth(this.#waiting.size);
  }

  async #run(key: string): Promise<void> {
    const started = this.#clock.monotonic();
    try {
      await this.#work(key);
      this.#failures.delete(key);
    } catch (error) {
      this.#retry(key, error);
    }
    this.#observer.onDone((this.#clock.monotonic() - started) / 1000);
    this.#working.delete(key);
    if (this.#again.delete(key)) this.#waiting.add(key);
    this.#dispatch();
  }

  #retry(key: string, error: unknown): void {
    this.#observer.onRetried();
    if (error instanceof TryAgain) {
      this.addAfter(key, error.afterMs);
      return;
    }
    const { firstBackoffMs, mostBackoffMs } = this.#options;
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    this.#observer.onFailed(key, error);
    this.addAfter(key, Math.min(firstBackoffMs * 2 ** failures, mostBackoffMs));
  }
}
