import type { AuditEntry, AuditEventName } from '../audit/audit-event.ts';
import type { Appended } from '../audit/audit-log.ts';
import type { Chains } from '../audit/chains.ts';
import { Batcher } from '../common/batcher.ts';
import type { Clock } from '../common/clock.ts';
import type { Database, Statement } from '../database/database.ts';
import type { Admission } from './admission.ts';

/** A fixed window that a request counts in; the last of several is the one that answers report. */
export interface Window {
  scope: 'project' | 'client' | 'project_address';
  subject: string;
  requests: number;
  seconds: number;
}

/** All that is decided and written before the mint, in the words of the SQL function. */
export interface Reservation {
  session_id: string;
  project_hash: string;
  client: string | undefined;
  flow: 'vault' | 'commercial';
  model: string;
  voice: string | undefined;
  key_fingerprint: string;
  lease_token_hash: string;
  lease_seconds: number;
  opening_seconds: number;
  max_duration_seconds: number;
  cap: number;
  vault_cap: number;
  client_cap: number;
  windows: Window[];
  quota: { subject: string; limit: number } | undefined;
  idempotency: { key_hash: string; body_hash: string } | undefined;
  event: AuditEntry;
}

export type Refusal =
  'rate_limited' | 'quota_exceeded' | 'concurrency_limit_exceeded' | 'idempotency_conflict';

export interface ReservationAnswer {
  verdict: 'reserved' | 'replay' | Refusal;
  /** Which window refused. */
  scope: Window['scope'] | undefined;
  activeSessions: number;
  limit: { limit: number; remaining: number; resetAt: number } | undefined;
  /** Unix seconds, with fraction: when what refused may admit again. */
  retryAt: number | undefined;
  sealedAnswer: Buffer | undefined;
  /** The database's clock, unix seconds with fraction. */
  reservedAt: number;
}

export interface Activation {
  session_id: string;
  provider_session_id?: string;
  /** What the answer tells; null when not even the provider names one. */
  voice: string | null;
  /** Unix seconds by the database's clock. */
  lease_expires_at: number;
  /** Hex. */
  sealed_answer?: string;
  event: AuditEntry;
}

export type EndState = 'released' | 'expired' | 'terminated' | 'failed';

export interface End {
  session_id: string;
  state: EndState;
  /** Only when its lease has lapsed by the database's clock. */
  only_lapsed?: boolean;
  /** The provider handed out a secret: the quota is used even if the session never became active. */
  keep_quota?: boolean;
  event: AuditEntry;
}

interface ReservationRow {
  ordinal: number;
  verdict: string;
  active_sessions: number;
  window_limit: number | null;
  window_remaining: number | null;
  window_reset_at: number | null;
  retry_at: number | null;
  sealed_answer: Buffer | null;
  reserved_at: number;
}

const RESERVE = { name: 'reserve_sessions', text: 'SELECT * FROM reserve_sessions($1, $2)' };
const ACTIVATE = { name: 'activate_sessions', text: 'SELECT activate_sessions($1, $2) AS ids' };
const END = { name: 'end_sessions', text: 'SELECT end_sessions($1, $2) AS ids' };

const MAX_BATCH = 100;
const MAX_UNANSWERED = 2_000;

/**
 * A session's steps as sentences of PostgreSQL, each answered once it is committed. Concurrent ones share a
 * statement and its commit; each kind writes an audit chain of its own, so that they never wait for each other.
 */
export class SessionStore {
  readonly #database: Database;
  readonly #clock: Clock;
  readonly #onAudited: Appended;
  readonly #admission: Admission;
  readonly #reservations: Batcher<Reservation, ReservationAnswer>;
  readonly #activations: Batcher<Activation, boolean>;
  readonly #ends: Batcher<End, boolean>;
  readonly #unanswered = new Map<string, End>();

  constructor(
    database: Database,
    chains: Chains,
    clock: Clock,
    admission: Admission,
    onAudited: Appended,
  ) {
    this.#database = database;
    this.#clock = clock;
    this.#admission = admission;
    this.#onAudited = onAudited;
    const [reserving, activating, ending] = [chains.open(), chains.open(), chains.open()];
    const limits = { maxBatch: MAX_BATCH, maxUnanswered: MAX_UNANSWERED };
    // What confirms or frees a reservation is never turned away before a reservation is.
    const roomy = { maxBatch: MAX_BATCH, maxUnanswered: 4 * MAX_UNANSWERED };
    this.#reservations = new Batcher((items) => this.#reserveBatch(reserving, items), limits);
    this.#activations = new Batcher((items) => this.#step(ACTIVATE, activating, items), roomy);
    this.#ends = new Batcher((items) => this.#step(END, ending, items), roomy);
  }

  /** Not even begun for a client that is gone before its turn comes. */
  reserve(reservation: Reservation, gone: AbortSignal): Promise<ReservationAnswer> {
    return this.#admission.waitFor(this.#reservations.submit(reservation, gone));
  }

  /** False when the session no longer waits to be activated: its lease lapsed or it was ended. */
  activate(activation: Activation): Promise<boolean> {
    return this.#activations.submit(activation);
  }

  /** False when the session held no slot any more. */
  end(end: End): Promise<boolean> {
    return this.#ends.submit(end);
  }

  /**
   * Ends a session, now or as soon as the database answers again. For one that nobody will hear of: after a lost
   * answer it may hold a slot, even as an active one, for all that is known here.
   */
  async endEventually(end: End): Promise<void> {
    try {
      await this.end(end);
    } catch {
      if (this.#unanswered.size < MAX_UNANSWERED) this.#unanswered.set(end.session_id, end);
    }
  }

  /** Tries again to end what could not be ended. */
  async retryEnds(): Promise<void> {
    const ends = [...this.#unanswered.values()];
    this.#unanswered.clear();
    await Promise.all(ends.map((end) => this.endEventually(end)));
  }

  async #reserveBatch(chain: string, items: Reservation[]): Promise<ReservationAnswer[]> {
    const started = this.#clock.monotonic();
    const rows = await this.#database.query<ReservationRow>(RESERVE, [chain, JSON.stringify(items)]);
    const answers: ReservationAnswer[] = [];
    const audited: AuditEventName[] = [];
    for (const row of rows) {
      if (row.ordinal === 0)
        audited.push(...new Array<'session_expired'>(row.active_sessions).fill('session_expired'));
      else answers[row.ordinal - 1] = toAnswer(row);
    }
    for (const { verdict } of answers) if (verdict === 'reserved') audited.push('vault_key_loaded');
    this.#onAudited(audited, this.#secondsSince(started));
    return answers;
  }

  async #step(statement: Statement, chain: string, items: (Activation | End)[]): Promise<boolean[]> {
    const started = this.#clock.monotonic();
    const [row] = await this.#database.query<{ ids: string[] }>(statement, [chain, JSON.stringify(items)]);
    const ids = new Set(row?.ids);
    // Of two who end the same session one did.
    const done = items.map(({ session_id: id }) => ids.delete(id));
    const audited = items.filter((_, index) => done[index]).map(({ event }) => event.event);
    this.#onAudited(audited, this.#secondsSince(started));
    return done;
  }

  #secondsSince(started: number): number {
    return (this.#clock.monotonic() - started) / 1000;
  }
}

function toAnswer(row: ReservationRow): ReservationAnswer {
  const [verdict, scope] = row.verdict.split(':') as [
    ReservationAnswer['verdict'],
    Window['scope'] | undefined,
  ];
  const { window_limit: limit, window_remaining: remaining, window_reset_at: resetAt } = row;
  return {
    verdict,
    scope,
    activeSessions: row.active_sessions,
    limit:
      limit === null || remaining === null || resetAt === null
        ? undefined
        : { limit, remaining, resetAt: Math.ceil(resetAt) },
    retryAt: row.retry_at ?? undefined,
    sealedAnswer: row.sealed_answer ?? undefined,
    reservedAt: row.reserved_at,
  };
}
