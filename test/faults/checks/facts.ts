/** What the checks look at. All times are unix milliseconds by the clock of the one machine, with fraction. */

export type Flow = 'vault' | 'commercial';

/** A row of `sessions`. */
export interface SessionFact {
  id: string;
  /** Given by the client that asked for it, as the model; it tells one asking from every other. */
  tag: string;
  project: string;
  flow: Flow;
  openedAt: number;
  endedAt: number | null;
  leaseEndsAt: number;
}

/** A row of the audit. */
export interface AuditFact {
  event: 'vault_key_loaded' | 'session_created';
  sessionId: string;
  /** Of the session. */
  tag: string;
  /** Fingerprint. */
  key: string;
  /** When PostgreSQL began to commit its transaction. */
  committedAt: number;
}

/** What the provider saw of a key. */
export interface UseFact {
  key: string;
  /** Null: the request did not arrive whole. */
  tag: string | null;
  at: number;
}

/** What a client asked, and what it was told. */
export interface OpeningFact {
  tag: string;
  project: string;
  flow: Flow;
  replica: number;
  sentAt: number;
  /** When the answer was there, or given up. */
  answeredAt: number;
  /** 0: there was no whole answer. */
  status: number;
  error?: string;
  requestId?: string;
  idempotencyKey?: string;
  sessionId?: string;
  /** Until then the client may believe that it holds its slot: the end of its lease, or when it gave it up. */
  heldUntil?: number;
  /** When it was told that the session has ended. */
  toldEndedAt?: number;
}

export interface Violation {
  check: string;
  what: string;
}
