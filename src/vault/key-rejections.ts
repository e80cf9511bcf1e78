import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import type { Database } from '../database/database.ts';

/** Whoever asks sooner gets what is known; below the pace at which it is asked for. */
const FRESH_MS = 4_000;
/** Of keys that are used no more; those in use are written again when they are refused again. */
const KEPT_DAYS = 30;
/** More than these at once are not told of. */
const MAX_KNOWN = 10_000;

const LIST = {
  name: 'key_rejections_list',
  text: `SELECT key_fingerprint FROM key_rejections WHERE rejected_at > clock_timestamp() - interval '${KEPT_DAYS} days'
    ORDER BY rejected_at DESC LIMIT ${MAX_KNOWN}`,
};
const REJECT = {
  name: 'key_rejections_reject',
  text: `WITH past AS (
      DELETE FROM key_rejections WHERE rejected_at < clock_timestamp() - interval '${KEPT_DAYS} days' AND key_fingerprint <> $1)
    INSERT INTO key_rejections (key_fingerprint) VALUES ($1)
    ON CONFLICT (key_fingerprint) DO UPDATE SET rejected_at = clock_timestamp()`,
};
const ACCEPT = {
  name: 'key_rejections_accept',
  text: 'DELETE FROM key_rejections WHERE key_fingerprint = $1',
};

/**
 * Which keys the provider refused when they were last used, by any replica. It informs: nobody asks it before a key is
 * used, so that a refusal that was a mistake ends with the next session.
 */
export class KeyRejections {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #rejected = new Set<string>();
  #known = false;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<boolean> | undefined;
  /** Of this process: an answer of the database that is older says nothing of them. */
  #verdicts = 0;
  /** Questions that were sent, and the latest of them that was answered: what an earlier one is answered is older. */
  #questions = 0;
  #answered = 0;
  #writes: Promise<unknown> = Promise.resolve();
  #listeners: (() => void)[] = [];

  constructor(database: Database, clock: Clock, logger: Logger) {
    this.#database = database;
    this.#clock = clock;
    this.#logger = logger;
  }

  isRejected(fingerprint: string): boolean {
    return this.#rejected.has(fingerprint);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** The provider's verdict on a key that was used; recorded off the request's path. */
  verdict(fingerprint: string, accepted: boolean): void {
    if (this.#rejected.has(fingerprint) !== accepted) return;
    if (accepted) this.#rejected.delete(fingerprint);
    else this.#rejected.add(fingerprint);
    this.#verdicts += 1;
    this.#tell();
    // One after the other, so that the last verdict is the one that stays.
    this.#writes = this.#writes.then(() =>
      this.#database.query(accepted ? ACCEPT : REJECT, [fingerprint]).catch((error: unknown) => {
        this.#logger.debug({ err: error }, 'a verdict on a key waits for the next one');
      }),
    );
  }

  /**
   * Asks the database, unless it was asked `freshMs` ago or less. Whether it answered; while it is away, what was known
   * stays. An answer that is older than what is known by then counts where there was another before.
   */
  async refresh(freshMs = FRESH_MS): Promise<boolean> {
    const now = this.#clock.monotonic();
    if (this.#asking !== undefined && now - this.#refreshedAt < freshMs) return this.#asking;
    this.#refreshedAt = now;
    this.#asking = this.#ask().catch((error: unknown) => {
      this.#logger.debug({ err: error }, 'the verdicts on keys wait for the database');
      return false;
    });
    return this.#asking;
  }

  async #ask(): Promise<boolean> {
    await this.#writes;
    const verdicts = this.#verdicts;
    this.#questions += 1;
    const question = this.#questions;
    const rows = await this.#database.query<{ key_fingerprint: string }>(LIST);
    if (verdicts !== this.#verdicts || question < this.#answered) return this.#known;
    this.#answered = question;
    const before = this.#rejected;
    const now = rows.map((row) => row.key_fingerprint);
    this.#rejected = new Set(now);
    this.#known = true;
    if (before.size !== now.length || now.some((fingerprint) => !before.has(fingerprint))) this.#tell();
    return true;
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
