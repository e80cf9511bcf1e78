import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import { sessionIdAt } from '../common/ids.ts';
import type { Database, Statement } from '../database/database.ts';
import type { SessionStore } from './session-store.ts';

const EXPIRY_TICK_MS = 1_000;
const EXPIRY_BATCH = 200;
const MAX_EXPIRY_BATCHES = 50;
const RETENTION_TICK_MS = 60_000;
const RETENTION_BATCH = 1_000;
const MAX_RETENTION_BATCHES = 50;

interface Retention extends Statement {
  /** What the statement asks for beside the batch's size, by the time in milliseconds. */
  valuesAt?: (now: number) => unknown[];
}

const DAY_MS = 24 * 60 * 60 * 1000;

const RETENTION: Retention[] = [
  {
    name: 'retain_sessions',
    // Opened eight days ago they have ended seven days ago, for none lasts more than one; and ids begin with their time.
    text: `DELETE FROM sessions WHERE id IN (
      SELECT id FROM sessions WHERE id < $2 AND ended_at IS NOT NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)
      RETURNING 1`,
    valuesAt: (now: number) => [sessionIdAt(now - 8 * DAY_MS)],
  },
  {
    name: 'retain_idempotency',
    text: `DELETE FROM idempotency WHERE key_hash IN (
      SELECT key_hash FROM idempotency WHERE created_at < now() - interval '24 hours' LIMIT $1 FOR UPDATE SKIP LOCKED)
      RETURNING 1`,
  },
  {
    // no window is longer than these 24 hours
    name: 'retain_limit_windows',
    text: `DELETE FROM limit_windows WHERE (scope, subject) IN (
      SELECT scope, subject FROM limit_windows WHERE started_at < now() - interval '24 hours' LIMIT $1
      FOR UPDATE SKIP LOCKED) RETURNING 1`,
  },
  {
    name: 'retain_quotas',
    text: `DELETE FROM quotas WHERE (subject, month) IN (
      SELECT subject, month FROM quotas WHERE month < now() - interval '13 months' LIMIT $1 FOR UPDATE SKIP LOCKED)
      RETURNING 1`,
  },
];

const RECOUNT = { name: 'recount_slots', text: 'SELECT recount_slots() AS projects' };

/** Ends sessions whose lease lapsed, and deletes what its retention is over for, in bounded batches. */
export class Sweeper {
  readonly #database: Database;
  readonly #store: SessionStore;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #retainedAt = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(database: Database, store: SessionStore, clock: Clock, logger: Logger) {
    this.#database = database;
    this.#store = store;
    this.#clock = clock;
    this.#logger = logger;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      void this.#tick();
    }, EXPIRY_TICK_MS);
    this.#timer.unref();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #tick(): Promise<void> {
    if (this.#clock.monotonic() - this.#retainedAt >= RETENTION_TICK_MS) {
      this.#retainedAt = this.#clock.monotonic();
      await this.#attempt(() => this.#recount());
      await this.#attempt(() => this.retain());
    }
    await this.#attempt(() => this.#store.retryEnds());
    await this.#attempt(() => this.expire());
    if (!this.#stopped) this.start();
  }

  /** What fails waits for the next tick, and holds up nothing else. */
  async #attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#logger.debug({ err: error }, 'the sweep waits for the database');
    }
  }

  async expire(): Promise<void> {
    for (let batch = 0; batch < MAX_EXPIRY_BATCHES; batch += 1) {
      if ((await this.#store.expire(EXPIRY_BATCH)) < EXPIRY_BATCH) break;
    }
  }

  /** What only a change by hand can put wrong is put right again, and said. */
  async #recount(): Promise<void> {
    const [row] = await this.#database.query<{ projects: string[] }>(RECOUNT);
    const projects = row?.projects ?? [];
    if (projects.length > 0) this.#logger.warn({ project_hashes: projects }, 'slots were counted anew');
  }

  async retain(): Promise<void> {
    for (const { valuesAt, ...statement } of RETENTION) {
      const values = valuesAt?.(this.#clock.now()) ?? [];
      for (let batch = 0; batch < MAX_RETENTION_BATCHES; batch += 1) {
        const deleted = await this.#database.query(statement, [RETENTION_BATCH, ...values]);
        if (deleted.length < RETENTION_BATCH) break;
      }
    }
  }
}
