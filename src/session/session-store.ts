import type { AuditEntry, AuditEventName } from '../audit/audit-event.ts';
import type { Appended } from '../audit/audit-log.ts';
import type { Chains } from '../audit/chains.ts';
import type { AuditSink } from '../audit/sinks/audit-sink.ts';
import { Batcher } from '../common/batcher.ts';
import type { Clock } from '../common/clock.ts';
import { Turnstile } from '../common/turnstile.ts';
import type { Database, Statement } from '../database/database.ts';
import type { Admission } from './admission.ts';
import { type ReservedBatch, sharedOf, toAnswers } from './reservation-batch.ts';

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

const RESERVE = { name: 'reserve_sessions', text: 'SELECT reserve_sessions($1, $2, $3, $4, $5) AS answer' };
const ACTIVATE = { name: 'activate_sessions', text: 'SELECT activate_sessions($1, $2, $3) AS answer' };
const END = { name: 'end_sessions', text: 'SELECT end_sessions($1, $2, $3) AS answer' };

const MAX_BATCH = 100;
const MAX_UNANSWERED = 2_000;

/**
 * A session's steps as sentences of PostgreSQL, each answered once it is committed. Concurrent ones share a
 * statement and its commit, and the kinds take turns, so that batches are large and their fixed cost is shared by many.
 */
export class SessionStore {
  readonly #database: Database;
  readonly #sink: AuditSink;
  readonly #clock: Clock;
  readonly #onAudited: Appended;
  readonly #admission: Admission;
  readonly #reservations: Batcher<Reservation, ReservationAnswer>;
  readonly #activations: Batcher<Activation, boolean>;
  readonly #ends: Batcher<End, boolean>;
  readonly #unanswered = new Map<string, End>();

  constructor(
    database: Database,
    { chains, sink }: { chains: Chains; sink: AuditSink },
    clock: Clock,
    admission: Admission,
    onAudited: Appended,
  ) {
    this.#database = database;
    this.#sink = sink;
    this.#clock = clock;
    this.#admission = admission;
    this.#onAudited = onAudited;
    const [reserving, activating, ending] = [chains.open(), chains.open(), chains.open()];
    const turnstile = new Turnstile();
    const limits = { maxBatch: MAX_BATCH, maxUnanswered: MAX_UNANSWERED, turnstile };
    // What confirms or frees a reservation is never turned away before a reservation is.
    const roomy = { maxBatch: MAX_BATCH, maxUnanswered: 4 * MAX_UNANSWERED, turnstile };
    this.#reservations = new Batcher((items) => this.#reserveBatch(reserving, items), limits);
    this.#activations = new Batcher((items) => this.#activateBatch(activating, items), roomy);
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
    const { projects, shared } = sharedOf(items);
    const started = this.#clock.monotonic();
    const values = [chain, projects, JSON.stringify(items.map(withEntry)), shared, this.#sink.enabled];
    const [row] = await this.#database.query<{ answer: ReservedBatch }>(RESERVE, values);
    const batch = row?.answer as ReservedBatch;
    const answers = toAnswers(items, batch);
    const audited = new Array<AuditEventName>(batch.expired ?? 0).fill('session_expired');
    for (const { verdict } of answers) if (verdict === 'reserved') audited.push('vault_key_loaded');
    await this.#recorded(audited, started, batch.lines);
    return answers;
  }

  async #activateBatch(chain: string, items: Activation[]): Promise<boolean[]> {
    return this.#step(ACTIVATE, chain, items, JSON.stringify(items.map(withEntry)));
  }

  async #step(
    statement: Statement,
    chain: string,
    items: (Activation | End)[],
    text = JSON.stringify(items),
  ): Promise<boolean[]> {
    const started = this.#clock.monotonic();
    const values = [chain, text, this.#sink.enabled];
    const [row] = await this.#database.query<{ answer: { ids: string[] | null; lines: string[] } }>(
      statement,
      values,
    );
    const ids = new Set(row?.answer.ids);
    // Of two who end the same session one did.
    const done = items.map(({ session_id: id }) => ids.delete(id));
    const audited = items.filter((_, index) => done[index]).map(({ event }) => event.event);
    await this.#recorded(audited, started, row?.answer.lines);
    return done;
  }

  /** What is answered is durable in both places. */
  async #recorded(events: AuditEventName[], started: number, lines: string[] | null = []): Promise<void> {
    this.#onAudited(events, (this.#clock.monotonic() - started) / 1000);
    if (this.#sink.enabled) await this.#sink.write(lines ?? []);
  }
}

/** An item beside its audit entry's fields. */
function withEntry<Item extends Reservation | Activation>({ event, ...item }: Item): object {
  return { ...item, ...event };
}
