import { auditEntry } from '../audit/audit-entry.ts';
import type { AuditDetails, AuditOrigin } from '../audit/audit-event.ts';
import { notFound } from '../common/app-error.ts';
import { Gate } from '../common/gate.ts';
import { SESSION_ID_PATTERN, sessionOfLeaseToken, sha256Hex } from '../common/ids.ts';
import type { SessionQueries, SessionRow, SessionState } from './session-queries.ts';
import type { SessionStore } from './session-store.ts';

/** Fewer than the connections to the database: those who open sessions always find one. */
const MAX_AT_ONCE = 4;
const MAX_WAITING = 500;
const HOLDING: ReadonlySet<SessionState> = new Set(['opening', 'active']);

/** Who speaks of a session: its lease token, or an admin. */
export type LeaseHolder =
  { by: 'lease'; leaseToken: string; origin: AuditOrigin } | { by: 'admin'; origin: AuditOrigin };

/** What happens to a session once it is open. A wrong token and an unknown session are one and the same. */
export class LeaseService {
  readonly #queries: SessionQueries;
  readonly #store: SessionStore;
  readonly #gate = new Gate({ maxAtOnce: MAX_AT_ONCE, maxWaiting: MAX_WAITING });
  /** Under way, by session and holder. */
  readonly #renewals = new Map<string, Promise<SessionRow | undefined>>();

  constructor(queries: SessionQueries, store: SessionStore) {
    this.#queries = queries;
    this.#store = store;
  }

  async read(id: string, holder: LeaseHolder): Promise<SessionRow> {
    const row = await this.#ask(id, () => this.#queries.read(id, tokenHash(holder)));
    if (row === undefined) throw notFound('There is no such session.');
    return row;
  }

  /** The live session of a lease token; undefined for any other token. */
  async liveSession(leaseToken: string): Promise<SessionRow | undefined> {
    const id = sessionOfLeaseToken(leaseToken);
    if (id === undefined) return undefined;
    const row = await this.#ask(id, () => this.#queries.read(id, hashOf(leaseToken)));
    return row !== undefined && HOLDING.has(row.state) ? row : undefined;
  }

  /** Renews the lease; `renewed` is false for a session that holds none any more. */
  async renew(id: string, holder: LeaseHolder): Promise<{ renewed: boolean; row: SessionRow }> {
    const row = await this.#renewTogether(id, tokenHash(holder));
    return row === undefined ? { renewed: false, row: await this.read(id, holder) } : { renewed: true, row };
  }

  /** Frees the slot; does nothing when it is free already. */
  async release(id: string, holder: LeaseHolder): Promise<SessionRow> {
    const row = await this.read(id, holder);
    await this.#store.end({
      session_id: id,
      state: 'released',
      event: auditEntry('session_released', holder.origin, { by: holder.by }),
    });
    return row;
  }

  /** Those of one session at a time share one and its answer: whoever sends many holds up nobody else's. */
  #renewTogether(id: string, hash: Buffer | undefined): Promise<SessionRow | undefined> {
    const key = `${id} ${hash?.toString('hex') ?? ''}`;
    const underWay = this.#renewals.get(key);
    if (underWay !== undefined) return underWay;
    const renewal = this.#ask(id, () => this.#queries.renew(id, hash)).finally(() => {
      this.#renewals.delete(key);
    });
    this.#renewals.set(key, renewal);
    return renewal;
  }

  async #ask(id: string, query: () => Promise<SessionRow | undefined>): Promise<SessionRow | undefined> {
    return SESSION_ID_PATTERN.test(id) ? this.#gate.run(query) : undefined;
  }

  async terminate(
    id: string,
    origin: AuditOrigin,
    reason: AuditDetails['session_terminated']['reason'],
  ): Promise<boolean> {
    return this.#store.end({
      session_id: id,
      state: 'terminated',
      event: auditEntry('session_terminated', origin, { reason }),
    });
  }
}

/** Undefined for an admin, who needs no token. */
function tokenHash(holder: LeaseHolder): Buffer | undefined {
  return holder.by === 'admin' ? undefined : hashOf(holder.leaseToken);
}

function hashOf(leaseToken: string): Buffer {
  return Buffer.from(sha256Hex(leaseToken), 'hex');
}
