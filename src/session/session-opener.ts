import { auditEntry } from '../audit/audit-entry.ts';
import type { AuditOrigin } from '../audit/audit-event.ts';
import type { Caller } from '../auth/caller.ts';
import { AppError, type LimitState, unavailable } from '../common/app-error.ts';
import { NotSentError } from '../common/submissions.ts';
import type { Clock } from '../common/clock.ts';
import { newLeaseToken, newSessionId } from '../common/ids.ts';
import type { Installation } from '../database/installation.ts';
import { limitedAddress } from '../http/address.ts';
import type { ProjectRegistry } from '../projects/project-registry.ts';
import { keyOfClient } from '../projects/snapshot.ts';
import type { Grant, RealtimeProvider } from '../providers/realtime-provider.ts';
import { traced } from '../telemetry/tracing.ts';
import { type IceServer, STUN_ONLY } from '../turn/ice-servers.ts';
import type { TurnCredentials } from '../turn/turn-credentials.ts';
import { Idempotency } from './idempotency.ts';
import { grantedVoice, type OpenRequest } from './open-request.ts';
import { refusalOf } from './refusal.ts';
import { reservationOf } from './reservation.ts';
import { sessionAnswer } from './session-answer.ts';
import type { Reservation, ReservationAnswer, SessionStore } from './session-store.ts';

export interface OpenOptions {
  caller: Caller;
  request: OpenRequest;
  origin: AuditOrigin & { ip: string };
  /** With the body it came with; absent without an Idempotency-Key. */
  idempotencyKey: string | undefined;
  body: readonly unknown[];
  /** Aborted when the client has gone. */
  gone: AbortSignal;
  /** Told of the window that the request counted in, which its answer reports whatever becomes of it. */
  onCounted: (limit: LimitState) => void;
}

export interface Opened {
  answer: unknown;
  replayed: boolean;
}

/** A session between its reservation and its answer. */
interface Opening {
  options: OpenOptions;
  sessionId: string;
  leaseToken: string;
  idempotency: Idempotency | undefined;
  reserved: ReservationAnswer;
  /** By the monotonic clock, ms: when `reserved` arrived. */
  reservedHere: number;
  /** Whether the provider has handed out a secret, which then counts against the quota. */
  minted: boolean;
}

/** Who is asked for what a session's answer has. */
export interface Upstream {
  provider: RealtimeProvider;
  turn: TurnCredentials;
}

/** What freeing a slot takes. */
type Freeable = Pick<Opening, 'options' | 'sessionId' | 'minted'>;

/**
 * The walk of one session: reserve → mint → activate → answer; any failure after the first frees the slot, unless the
 * answer was given all the same, to a repetition under the same Idempotency-Key.
 */
export class SessionOpener {
  readonly #store: SessionStore;
  readonly #upstream: Upstream;
  readonly #registry: ProjectRegistry;
  readonly #installation: Installation;
  readonly #clock: Clock;

  constructor(
    store: SessionStore,
    upstream: Upstream,
    registry: ProjectRegistry,
    installation: Installation,
    clock: Clock,
  ) {
    this.#store = store;
    this.#upstream = upstream;
    this.#registry = registry;
    this.#installation = installation;
    this.#clock = clock;
  }

  async open(options: OpenOptions): Promise<Opened> {
    const { caller, request, origin, idempotencyKey, body, gone } = options;
    const idempotency =
      idempotencyKey === undefined
        ? undefined
        : new Idempotency(idempotencyScope(options), idempotencyKey, body);
    const sessionId = newSessionId(this.#clock.now());
    const made = { sessionId, leaseToken: newLeaseToken(sessionId), idempotency };
    const reservation = reservationOf({ caller, request, origin, ...made }, this.#installation);
    const reserved = await this.#reserve(reservation, { options, ...made, minted: false });
    if (reserved.limit !== undefined) options.onCounted(reserved.limit);
    if (reserved.verdict === 'replay' && idempotency !== undefined && reserved.sealedAnswer !== undefined) {
      return { answer: idempotency.open(reserved.sealedAnswer), replayed: true };
    }
    if (reserved.verdict !== 'reserved') throw refusalOf(reserved);
    const opening = { options, ...made, reserved, reservedHere: this.#clock.monotonic(), minted: false };
    try {
      // Beside the mint: a relay's provider that is slow holds a session no longer than its own deadline.
      const relays = this.#relays(opening);
      const grant = await this.#mint(opening);
      const iceServers = relays === undefined ? STUN_ONLY : await relays;
      const answer = await traced('activate', () => this.#activate(opening, grant, iceServers));
      // Nobody reads the answer of a client that hangs up before it is out.
      gone.addEventListener('abort', () => void this.#free(opening, gone.reason), { once: true });
      return { answer, replayed: false };
    } catch (error) {
      await this.#free(opening, error);
      throw error;
    }
  }

  async #reserve(reservation: Reservation, opening: Freeable): Promise<ReservationAnswer> {
    try {
      return await traced('reserve', () => this.#store.reserve(reservation, opening.options.gone));
    } catch (error) {
      // The answer may be lost and the slot taken all the same.
      if (!(error instanceof NotSentError)) void this.#free(opening, error);
      throw error;
    }
  }

  async #mint(opening: Opening): Promise<Grant> {
    const { caller, request, gone } = opening.options;
    gone.throwIfAborted();
    const { baseUrl } = caller.project.spec.provider;
    const grant = await this.#upstream.provider.mint(caller.key, { ...request, baseUrl }, gone);
    opening.minted = true;
    return grant;
  }

  /** Undefined for a project without relays. Never rejects. */
  #relays({ options, sessionId }: Opening): Promise<readonly IceServer[]> | undefined {
    const { project } = options.caller;
    if (project.turn === undefined) return undefined;
    return this.#upstream.turn.relays(project, sessionId).then(({ iceServers }) => iceServers);
  }

  async #activate(opening: Opening, grant: Grant, iceServers: readonly IceServer[]): Promise<unknown> {
    const { options, sessionId, leaseToken, idempotency, reserved } = opening;
    const { caller, request, origin, gone } = options;
    gone.throwIfAborted();
    this.#refuseSuspended(caller);
    const leaseExpiresAt = this.#leaseExpiry(opening);
    const voice = grantedVoice(request.voice, grant.session);
    const { model } = request;
    const { activeSessions } = reserved;
    const answer = sessionAnswer({
      caller,
      sessionId,
      model,
      voice,
      grant,
      leaseToken,
      leaseExpiresAt,
      activeSessions,
      iceServers,
    });
    const activated = await this.#store.activate({
      session_id: sessionId,
      voice,
      ...(grant.providerSessionId !== undefined && { provider_session_id: grant.providerSessionId }),
      lease_expires_at: leaseExpiresAt,
      ...(idempotency && { sealed_answer: idempotency.seal(answer) }),
      event: auditEntry('session_created', origin, {
        model,
        flow: caller.flow,
        key_fingerprint: caller.key.fingerprint,
      }),
    });
    if (!activated) throw unavailable('The session’s lease lapsed before the provider answered.');
    gone.throwIfAborted();
    return answer;
  }

  /** A suspension that came while the provider was asked counts: this session was opened after it. */
  #refuseSuspended({ project, client }: Caller): void {
    const { projectsByName, clientsByToken } = this.#registry.snapshot;
    const now = projectsByName.get(project.name);
    const clientNow = client && clientsByToken.get(keyOfClient(client));
    if (now === undefined || now.spec.suspended || (client && clientNow?.spec.suspended !== false)) {
      throw new AppError('suspended', 'This project or client was suspended or removed just now.');
    }
  }

  /** Whole unix seconds by the database's clock, which was read with the reservation and has since run on. */
  #leaseExpiry({ options, reserved, reservedHere }: Opening): number {
    const { leaseSeconds, maxDurationSeconds } = options.caller.project.spec.session;
    const elapsed = (this.#clock.monotonic() - reservedHere) / 1000;
    return Math.floor(
      Math.min(reserved.reservedAt + elapsed + leaseSeconds, reserved.reservedAt + maxDurationSeconds),
    );
  }

  /** Frees the slot in the same breath, or as soon as the database answers again. */
  async #free({ options, sessionId, minted }: Freeable, error: unknown): Promise<void> {
    const code = options.gone.aborted ? 'client_closed' : error instanceof AppError ? error.code : 'internal';
    await this.#store.endEventually({
      session_id: sessionId,
      state: 'failed',
      keep_quota: minted,
      event: auditEntry('session_error', options.origin, { code }, { outcome: 'failure' }),
    });
  }
}

function idempotencyScope({ caller, origin }: OpenOptions): string[] {
  return caller.client === undefined
    ? ['project', caller.project.projectId, limitedAddress(origin.ip)]
    : ['client', keyOfClient(caller.client)];
}
