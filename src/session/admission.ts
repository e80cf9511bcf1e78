import { TooBusyError } from '../common/submissions.ts';
import type { Clock } from '../common/clock.ts';

/** Whoever would wait longer than this for a reservation is turned away. */
const MAX_WAIT_MS = 500;
/** By so many answers in a row it is told how fast they come, as long as at least so many more wait: a full batch. */
const SAMPLE = 100;
/** The weight of one sample: a few batches' memory. */
const WEIGHT = 1 / 5;
/** Two statements' worth: so many may always wait, however slow the database is. */
const ALWAYS_ADMITTED = 200;
/** For each session that is opened. At three times the load there are two. */
const REFUSALS_A_SESSION = 2.5;
const MAX_SILENCE_MS = 2_000;
const MAX_KEPT_AUTHORIZATIONS = 1_000;
const KEPT_MS = 60_000;

/**
 * Turns requests for a session away while more of them wait for the database than it answers in time. By time and not
 * by number: a number that one machine answers in a moment is a queue of minutes on another.
 */
export class Admission {
  readonly #clock: Clock;
  /** When each reservation that is not answered yet began to wait, the oldest first. */
  readonly #waiting = new Set<{ since: number }>();
  /** Until when each counts as good, in unix milliseconds. Decides what a refusal says, never whether somebody is let in. */
  readonly #authorizations = new Map<string, number>();
  /** What one reservation takes while others wait behind it, in milliseconds. */
  #pace = 0;
  #sample: { since: number; answers: number } | undefined;
  /** When the next refusal is due, if refusals come no faster than they may. */
  #nextRefusal = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get full(): boolean {
    if (this.#waiting.size <= ALWAYS_ADMITTED) return false;
    const [first] = this.#waiting;
    const waited = this.#clock.monotonic() - (first?.since ?? 0);
    // A database that stands still tells no pace.
    return Math.max(waited, this.#waiting.size * this.#pace) > MAX_WAIT_MS;
  }

  /**
   * For a request of which nothing is known but its headers. Only one whose Authorization was found good lately is
   * turned away: of any other, a 401 comes first. Answers for how many milliseconds its connection is then not to be
   * heard: 0 while refusals leave enough time for sessions. Undefined: it is not turned away.
   */
  turnAway(authorization: string | undefined): number | undefined {
    if (!this.full || (authorization !== undefined && !this.#isGood(authorization))) return undefined;
    const now = this.#clock.monotonic();
    const silence = Math.min(Math.max(this.#nextRefusal - now, 0), MAX_SILENCE_MS);
    this.#nextRefusal = now + silence + this.#pace / REFUSALS_A_SESSION;
    return silence;
  }

  /** Throws a 503 if there is no room; the Authorization is one that was just found good until then (unix seconds). */
  admit(authorization: string | undefined, expiresAt: number | undefined): void {
    if (authorization !== undefined && expiresAt !== undefined) this.#remember(authorization, expiresAt);
    if (this.full) throw new TooBusyError();
  }

  /** Counts a reservation as waiting until it is answered. */
  async waitFor<Answer>(reservation: Promise<Answer>): Promise<Answer> {
    const entry = { since: this.#clock.monotonic() };
    this.#waiting.add(entry);
    try {
      return await reservation;
    } finally {
      this.#waiting.delete(entry);
      this.#learn();
    }
  }

  /** Only while batches are full: what a few take, or a lone one, tells nothing of many. */
  #learn(): void {
    if (this.#waiting.size < SAMPLE) {
      this.#sample = undefined;
      return;
    }
    const now = this.#clock.monotonic();
    this.#sample ??= { since: now, answers: -1 };
    this.#sample.answers += 1;
    if (this.#sample.answers < SAMPLE) return;
    this.#pace += ((now - this.#sample.since) / SAMPLE - this.#pace) * WEIGHT;
    this.#sample = { since: now, answers: 0 };
  }

  #isGood(authorization: string): boolean {
    return (this.#authorizations.get(authorization) ?? 0) > this.#clock.now();
  }

  #remember(authorization: string, expiresAt: number): void {
    if (this.#isGood(authorization)) return;
    if (this.#authorizations.size >= MAX_KEPT_AUTHORIZATIONS) this.#authorizations.clear();
    this.#authorizations.set(authorization, Math.min(expiresAt * 1000, this.#clock.now() + KEPT_MS));
  }
}
