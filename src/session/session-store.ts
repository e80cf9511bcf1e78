import { auditEntry } from '../audit/audit-entry.ts';
import { type AuditEntry, type AuditEventName, SYSTEM_ORIGIN } from '../audit/audit-event.ts';
import type { Appended } from '../audit/audit-log.ts';
import type { Chains } from '../audit/chains.ts';
import type { AuditSink } from '../audit/sinks/audit-sink.ts';
import { Batcher } from '../common/batcher.ts';
import type { Clock } from '../common/clock.ts';
import { isServersWord } from '../database/database-error.ts';
import type { Database, Statement } from '../database/database.ts';
import type { Admission } from './admission.ts';
import { type ReservedBatch, sharedOf, toAnswers } from './reservation-batch.ts';
import { SessionRounds } from './session-rounds.ts';

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

/** Either half of a round may be missing. */
const RESERVE = {
  name: 'reserve_sessions',
  text: 'SELECT open_sessions($1, $2, $3, $4, NULL, $5) AS opened',
};
const ACTIVATE = {
  name: 'activate_sessions',
  text: 'SELECT open_sessions($1, NULL, NULL, NULL, $2, $3) AS opened',
};
const RESERVE_AND_ACTIVATE = {
  name: 'reserve_and_activate_sessions',
  text: 'SELECT open_sessions($1, $2, $3, $4, $5, $6) AS opened',
};
const EXPIRE = { name: 'expire_sessions', text: 'SELECT expire_sessions($1, $2, $3) AS expired' };
const END = { name: 'end_sessions', text: 'SELECT end_sessions($1, $2, $3) AS ended' };

const MAX_BATCH = 100;
/** What frees a slot is never turned away before a reservation is. */
const MAX_UNANSWERED_ENDS = 8_000;
const MAX_REMEMBERED_ENDS = 2_000;

/** What a function says of each item, and the rows that it wrote. */
interface Stepped {
  ids: string[] | null;
  lines: string[];
}

/** What a round wrote. */
interface Opened {
  reserved: ReservedBatch | null;
  /** Ids. */
  activated: string[] | null;
  /** Audit rows, if they were asked for. */
  lines: string[];
}

/** With its text, which is made while the round before is under way. */
interface Step<Item> {
  item: Item;
  text: string;
}

/** A session's steps as sentences of PostgreSQL, each answered once it is committed, and many by one statement. */
export class SessionStore {
  readonly #database: Database;
  readonly #sink: AuditSink;
  readonly #clock: Clock;
  readonly #onAudited: Appended;
  readonly #admission: Admission;
  readonly #opening: string;
  readonly #rounds: SessionRounds<Step<Reservation>, ReservationAnswer, Step<Activation>>;
  readonly #ends: Batcher<End, boolean>;
  readonly #expiring: string;
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
    this.#opening = chains.open();
    this.#rounds = new SessionRounds(
      (reserving, activating) => this.#round(reserving, activating),
      isServersWord,
    );
    this.#expiring = chains.open();
    const ending = chains.open();
    this.#ends = new Batcher((items) => this.#end(ending, items), {
      maxBatch: MAX_BATCH,
      maxUnanswered: MAX_UNANSWERED_ENDS,
    });
  }

  /** Not even begun for a client that is gone before its turn comes, nor while the audit could not be kept. */
  async reserve(reservation: Reservation, gone: AbortSignal): Promise<ReservationAnswer> {
    this.#sink.assertUsable();
    return this.#admission.waitFor(this.#rounds.reserve(stepOf(reservation), gone));
  }

  /** False when the session no longer waits to be activated: its lease lapsed or it was ended. */
  activate(activation: Activation): Promise<boolean> {
    return this.#rounds.activate(stepOf(activation));
  }

  /** False when the session held no slot any more. */
  end(end: End): Promise<boolean> {
    return this.#ends.submit(end);
  }

  /**
   * Ends active sessions whose lease has lapsed, at most `limit`, and tells how many lapsed ones it met; those that
   * were never active are ended like others, for they give back more than a slot.
   */
  async expire(limit: number): Promise<number> {
    const started = this.#clock.monotonic();
    const values = [this.#expiring, limit, this.#sink.enabled];
    const [row] = await this.#database.query<{ expired: Stepped & { openings: string[] | null } }>(
      EXPIRE,
      values,
    );
    const { ids, openings, lines } = row?.expired ?? { ids: null, openings: null, lines: [] };
    await this.#recorded(new Array<AuditEventName>(ids?.length ?? 0).fill('session_expired'), started, lines);
    await Promise.all((openings ?? []).map((id) => this.end(lapsed(id))));
    return (ids?.length ?? 0) + (openings?.length ?? 0);
  }

  /**
   * Ends a session, now or as soon as the database answers again. For one that nobody will hear of: after a lost
   * answer it may hold a slot, even as an active one, for all that is known here. One whose answer was given again
   * meanwhile, to who asked again under its Idempotency-Key, goes on.
   */
  async endEventually(end: End): Promise<void> {
    try {
      await this.end(end);
    } catch {
      if (this.#unanswered.size < MAX_REMEMBERED_ENDS) this.#unanswered.set(end.session_id, end);
    }
  }

  /** Tries again to end what could not be ended. */
  async retryEnds(): Promise<void> {
    const ends = [...this.#unanswered.values()];
    this.#unanswered.clear();
    await Promise.all(ends.map((end) => this.endEventually(end)));
  }

  async #round(
    reserving: Step<Reservation>[],
    activating: Step<Activation>[],
  ): Promise<{ reserved: ReservationAnswer[]; activated: boolean[] }> {
    const started = this.#clock.monotonic();
    const reservations = reserving.map(({ item }) => item);
    const [row] = await this.#database.query<{ opened: Opened }>(
      ...this.#statement(reservations, reserving, activating),
    );
    const { reserved = null, activated = null, lines = [] } = row?.opened ?? {};
    const answers = reserved === null ? [] : toAnswers(reservations, reserved);
    const done = doneOf(
      activating.map(({ item }) => item),
      activated,
    );
    await this.#recorded(auditedBy(reserved?.expired ?? 0, answers, done), started, lines);
    return { reserved: answers, activated: done };
  }

  #statement(
    reservations: Reservation[],
    reserving: Step<Reservation>[],
    activating: Step<Activation>[],
  ): [Statement, unknown[]] {
    const echo = this.#sink.enabled;
    if (reserving.length === 0) return [ACTIVATE, [this.#opening, listOf(activating), echo]];
    const { projects, shared } = sharedOf(reservations);
    const reservation = [this.#opening, projects, listOf(reserving), shared];
    if (activating.length === 0) return [RESERVE, [...reservation, echo]];
    return [RESERVE_AND_ACTIVATE, [...reservation, listOf(activating), echo]];
  }

  async #end(chain: string, ends: End[]): Promise<boolean[]> {
    const started = this.#clock.monotonic();
    const values = [chain, JSON.stringify(ends), this.#sink.enabled];
    const [row] = await this.#database.query<{ ended: Stepped }>(END, values);
    const { ids = null, lines = [] } = row?.ended ?? {};
    const done = endedOf(ends, ids);
    const audited = ends.filter((_, index) => done[index]).map(({ event }) => event.event);
    await this.#recorded(audited, started, lines);
    return done;
  }

  /** What is answered is durable in both places. */
  async #recorded(events: AuditEventName[], started: number, lines: string[]): Promise<void> {
    this.#onAudited(events, (this.#clock.monotonic() - started) / 1000);
    if (this.#sink.enabled) await this.#sink.write(lines);
  }
}

function auditedBy(expired: number, reserved: ReservationAnswer[], activated: boolean[]): AuditEventName[] {
  const reservations = reserved.filter(({ verdict }) => verdict === 'reserved').length;
  const activations = activated.filter(Boolean).length;
  return [
    ...new Array<AuditEventName>(expired).fill('session_expired'),
    ...new Array<AuditEventName>(reservations).fill('vault_key_loaded'),
    ...new Array<AuditEventName>(activations).fill('session_created'),
  ];
}

/** Of two who name the same session one did it. */
function doneOf(items: { session_id: string }[], ids: string[] | null): boolean[] {
  const left = new Set(ids);
  return items.map(({ session_id: id }) => left.delete(id));
}

/** Of several ends of one session, the one that the function takes. */
function endedOf(ends: End[], ids: string[] | null): boolean[] {
  const taken = new Map<string, End>();
  for (const end of ends) {
    const before = taken.get(end.session_id);
    if (before === undefined || precedence(end) < precedence(before)) taken.set(end.session_id, end);
  }
  const ended = new Set(ids);
  return ends.map((end) => ended.has(end.session_id) && taken.get(end.session_id) === end);
}

function precedence({ only_lapsed: onlyLapsed, state }: End): number {
  if (onlyLapsed) return 2;
  return state === 'failed' ? 1 : 0;
}

function lapsed(id: string): End {
  const event = auditEntry('session_expired', SYSTEM_ORIGIN, {});
  return { session_id: id, state: 'expired', only_lapsed: true, event };
}

function stepOf<Item extends Reservation | Activation>(item: Item): Step<Item> {
  const { event, ...rest } = item;
  return { item, text: JSON.stringify({ ...rest, ...event }) };
}

/** A JSON array. */
function listOf(steps: Step<unknown>[]): string {
  return `[${steps.map(({ text }) => text).join(',')}]`;
}
