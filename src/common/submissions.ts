import { AppError } from './app-error.ts';

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

interface Submission<Item, Answer> {
  item: Item;
  gone: AbortSignal | undefined;
  resolve: (answer: Answer) => void;
  reject: (reason: unknown) => void;
}

/** What waits to be done in batches, and what is under way: so many are unanswered at most. */
export class Submissions<Item, Answer> {
  readonly #maxUnanswered: number;
  readonly #waiting: Submission<Item, Answer>[] = [];
  #underWay = 0;

  /** Submissions beyond `maxUnanswered` are refused at once with a 503. */
  constructor(maxUnanswered: number) {
    this.#maxUnanswered = maxUnanswered;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Whoever is gone before the batch forms is left out of it. */
  submit(item: Item, gone?: AbortSignal): Promise<Answer> {
    if (this.#waiting.length + this.#underWay >= this.#maxUnanswered) {
      return Promise.reject(new TooBusyError());
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, gone, resolve, reject });
    });
  }

  /** The first that wait. Whoever takes a batch answers or fails it. */
  take(max: number): Batch<Item, Answer> {
    const batch: Submission<Item, Answer>[] = [];
    let taken = 0;
    for (const one of this.#waiting) {
      if (batch.length === max) break;
      taken += 1;
      if (one.gone?.aborted === true) one.reject(new NotSentError('unavailable', 'The client went away.'));
      else batch.push(one);
    }
    this.#waiting.splice(0, taken);
    this.#underWay += batch.length;
    return {
      items: batch.map(({ item }) => item),
      answer: (answers) => {
        this.#underWay -= batch.length;
        batch.forEach(({ resolve }, index) => {
          resolve(answers[index] as Answer);
        });
      },
      fail: (error) => {
        this.#underWay -= batch.length;
        // Whoever waits behind a failed batch would fail the same way, only later.
        for (const { reject } of [...batch, ...this.#waiting.splice(0)]) reject(error);
      },
    };
  }
}

export interface Batch<Item, Answer> {
  items: Item[];
  /** In the order of the items. */
  answer(answers: Answer[]): void;
  /** Fails also who waits behind it. */
  fail(error: unknown): void;
}
