import { type Batch, Submissions } from '../common/submissions.ts';

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
  readonly #isServersWord: (error: Error) => boolean;
  readonly #reservations = new Submissions<Reserving, Reserved>(MAX_UNANSWERED);
  readonly #activations = new Submissions<Activating, boolean>(MAX_UNANSWERED_ACTIVATIONS);
  #draining = false;

  /** Where the server itself refuses a round, its activations are sent again without the reservations. */
  constructor(run: Round<Reserving, Reserved, Activating>, isServersWord: (error: Error) => boolean) {
    this.#run = run;
    this.#isServersWord = isServersWord;
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

  /** The next round is on its way before those of the last are told: what they do then is done while it is worked on. */
  async #drain(): Promise<void> {
    this.#draining = true;
    let tell: (() => void) | undefined;
    while (this.#reservations.waiting + this.#activations.waiting > 0) {
      const round = this.#runOne();
      if (tell !== undefined) setImmediate(tell);
      tell = await round;
    }
    this.#draining = false;
    tell?.();
  }

  /** What tells its submissions, unless they have been told that it failed. */
  async #runOne(): Promise<(() => void) | undefined> {
    const reserving = this.#reservations.take(MAX_BATCH);
    const activating = this.#activations.take(MAX_BATCH);
    if (reserving.items.length + activating.items.length === 0) return undefined;
    try {
      const { reserved, activated } = await this.#run(reserving.items, activating.items);
      return () => {
        activating.answer(activated);
        reserving.answer(reserved);
      };
    } catch (error) {
      reserving.fail(error);
      const mixed = reserving.items.length > 0 && activating.items.length > 0;
      if (mixed && this.#isServersWord(error as Error)) await this.#activateAlone(activating);
      else activating.fail(error);
      return undefined;
    }
  }

  /** One project's reservation that fails must not take others' minted sessions with it. Nothing is activated twice. */
  async #activateAlone(activating: Batch<Activating, boolean>): Promise<void> {
    try {
      activating.answer((await this.#run([], activating.items)).activated);
    } catch (error) {
      activating.fail(error);
    }
  }
}
