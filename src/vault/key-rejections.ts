import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import type { Database } from '../database/database.ts';

/** What another replica met is known here after this time. */
const REFRESH_MS = 5_000;
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
  #asking: Promise<void> | undefined;
  #listeners: (() => void)[] = [];

  constructor(database: Database, clock: Clock, logger: Logger) {
    this.#database = database;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Whether the database was asked once. */
  get known(): boolean {
    return this.#known;
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
    this.#tell();
    this.#database.query(accepted ? ACCEPT : REJECT, [fingerprint]).catch((error: unknown) => {
      this.#logger.debug({ err: error }, 'a verdict on a key waits for the next one');
    });
  }

  /** At most once in a while; resolves also while the database is away: then what was known stays. */
  async refresh(): Promise<void> {
    if (this.#clock.monotonic() - this.#refreshedAt < REFRESH_MS) return this.#asking;
    this.#refreshedAt = this.#clock.monotonic();
    this.#asking = this.#ask().catch((error: unknown) => {
      this.#logger.debug({ err: error }, 'the verdicts on keys wait for the database');
    });
    return this.#asking;
  }

  async #ask(): Promise<void> {
    const rows = await this.#database.query<{ key_fingerprint: string }>(LIST);
    const before = this.#rejected;
    const now = rows.map((row) => row.key_fingerprint);
    this.#rejected = new Set(now);
    this.#known = true;
    if (before.size !== now.length || now.some((fingerprint) => !before.has(fingerprint))) this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
