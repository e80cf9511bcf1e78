import { Submissions } from '../common/submissions.ts';

const MAX_BATCH = 100;
const MAX_UNANSWERED = 2_000;
/** What confirms a reservation is never turned away before a reservation is. */
const MAX_UNANSWERED_ACTIVATIONS = 4 * MAX_UNANSWERED;

/** What one round does, as one statement and one commit. */
export type Round<Reserving, Reserved, Activating> = (
  reserving: Reserving[],
  activating: Activating[],
) => Promise<{ reserved: Reserved[]; activated: boolean[] }>;

/**
 * Groups reservations and activations that wait into rounds, without a timer: a lone one leaves at once, and the next
 * round forms while the last one commits. One is under way at a time, and both kinds share it: what a round costs beside
 * its sessions is as much as ten of them, and two rounds at once are each half as large.
 */
export class SessionRounds<Reserving, Reserved, Activating> {
  readonly #run: Round<Reserving, Reserved, Activating>;
  readonly #reservations = new Submissions<Reserving, Reserved>(MAX_UNANSWERED);
  readonly #activations = new Submissions<Activating, boolean>(MAX_UNANSWERED_ACTIVATIONS);
  #draining = false;

  constructor(run: Round<Reserving, Reserved, Activating>) {
    this.#run = run;
  }

  /** Not even begun for whoever is gone before its round forms. */
  reserve(item: Reserving, gone: AbortSignal): Promise<Reserved> {
    const answer = this.#reservations.submit(item, gone);
    if (!this.#draining) void this.#drain();
    return answer;
  }

  activate(item: Activating): Promise<boolean> {
    const answer = this.#activations.submit(item);
    if (!this.#draining) void this.#drain();
    return answer;
  }

  async #drain(): Promise<void> {
    this.#draining = true;
    while (this.#reservations.waiting + this.#activations.waiting > 0) await this.#runOne();
    this.#draining = false;
  }

  async #runOne(): Promise<void> {
    const reserving = this.#reservations.take(MAX_BATCH);
    const activating = this.#activations.take(MAX_BATCH);
    if (reserving.items.length + activating.items.length === 0) return;
    try {
      const { reserved, activated } = await this.#run(reserving.items, activating.items);
      activating.answer(activated);
      reserving.answer(reserved);
    } catch (error) {
      activating.fail(error);
      reserving.fail(error);
    }
  }
}
