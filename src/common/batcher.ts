import { AppError } from './app-error.ts';
import type { Turnstile } from './turnstile.ts';

/** It was never sent: nothing can have come of it. */
export class NotSentError extends AppError {}

export class TooBusyError extends NotSentError {
  constructor() {
    super('unavailable', 'The service is busier than it can answer.', {
      retryAfter: 1,
      limitedBy: 'overload',
    });
  }
}

export interface BatcherOptions {
  maxBatch: number;
  /** Submissions beyond this many unanswered ones are refused at once with a 503. */
  maxUnanswered: number;
  /** Shared with others: one batch of all of them is under way at a time. */
  turnstile?: Turnstile;
}

interface Waiting<Item, Answer> {
  item: Item;
  gone: AbortSignal | undefined;
  resolve: (answer: Answer) => void;
  reject: (reason: unknown) => void;
}

/**
 * Groups submissions into batches without a timer: the next batch forms while the last one commits, and a lone
 * submission leaves at once. One batch is under way at a time, so that batches keep their order.
 */
export class Batcher<Item, Answer> {
  readonly #run: (items: Item[]) => Promise<Answer[]>;
  readonly #options: BatcherOptions;
  #waiting: Waiting<Item, Answer>[] = [];
  #running = 0;
  #draining = false;

  constructor(run: (items: Item[]) => Promise<Answer[]>, options: BatcherOptions) {
    this.#run = run;
    this.#options = options;
  }

  /** Whoever is gone before the batch forms is left out of it. */
  submit(item: Item, gone?: AbortSignal): Promise<Answer> {
    if (this.#waiting.length + this.#running >= this.#options.maxUnanswered) {
      return Promise.reject(new TooBusyError());
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, gone, resolve, reject });
      if (!this.#draining) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    const { turnstile } = this.#options;
    this.#draining = true;
    while (this.#waiting.length > 0) {
      const turn = turnstile?.enter();
      if (turn !== undefined) await turn;
      try {
        await this.#runNext();
      } finally {
        turnstile?.leave();
      }
    }
    this.#draining = false;
  }

  async #runNext(): Promise<void> {
    const batch = this.#nextBatch();
    if (batch.length === 0) return;
    this.#running = batch.length;
    try {
      const answers = await this.#run(batch.map(({ item }) => item));
      batch.forEach(({ resolve }, index) => {
        resolve(answers[index] as Answer);
      });
    } catch (error) {
      // Whoever waits behind a failed batch would fail the same way, only later.
      for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(error);
    } finally {
      this.#running = 0;
    }
  }

  #nextBatch(): Waiting<Item, Answer>[] {
    const batch: Waiting<Item, Answer>[] = [];
    let taken = 0;
    for (const one of this.#waiting) {
      if (batch.length === this.#options.maxBatch) break;
      taken += 1;
      if (one.gone?.aborted === true) one.reject(new NotSentError('unavailable', 'The client went away.'));
      else batch.push(one);
    }
    this.#waiting.splice(0, taken);
    return batch;
  }
}
