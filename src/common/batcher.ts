import { Submissions } from './submissions.ts';

export interface BatcherOptions {
  maxBatch: number;
  /** Submissions beyond this many unanswered ones are refused at once with a 503. */
  maxUnanswered: number;
}

/**
 * Groups submissions into batches without a timer: the next batch forms while the last one commits, and a lone
 * submission leaves at once. One batch is under way at a time, so that batches keep their order.
 */
export class Batcher<Item, Answer> {
  readonly #run: (items: Item[]) => Promise<Answer[]>;
  readonly #maxBatch: number;
  readonly #submissions: Submissions<Item, Answer>;
  #draining = false;

  constructor(run: (items: Item[]) => Promise<Answer[]>, { maxBatch, maxUnanswered }: BatcherOptions) {
    this.#run = run;
    this.#maxBatch = maxBatch;
    this.#submissions = new Submissions(maxUnanswered);
  }

  submit(item: Item): Promise<Answer> {
    const answer = this.#submissions.submit(item);
    if (!this.#draining) void this.#drain();
    return answer;
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    while (this.#submissions.waiting > 0) {
      const batch = this.#submissions.take(this.#maxBatch);
      try {
        batch.answer(await this.#run(batch.items));
      } catch (error) {
        batch.fail(error);
      }
    }
    this.#draining = false;
  }
}
