import { auditEntry } from '../audit/audit-entry.ts';
import type { AuditOrigin } from '../audit/audit-event.ts';
import type { Caller } from '../auth/caller.ts';
import { AppError, unavailable } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import { newLeaseToken, newSessionId, sha256Hex } from '../common/ids.ts';
import type { Installation } from '../database/installation.ts';
import { limitedAddress } from '../http/address.ts';
import type { Client, Project } from '../projects/resource.ts';
import type { ProjectRegistry } from '../projects/project-registry.ts';
import type { Grant, RealtimeProvider } from '../providers/realtime-provider.ts';
import { Idempotency } from './idempotency.ts';
import { grantedVoice, type OpenRequest } from './open-request.ts';
import { refusalOf } from './refusal.ts';
import type { Reservation, ReservationAnswer, SessionStore } from './session-store.ts';
import { STUN_ONLY } from './turn.ts';

/** The lease while the provider is asked: longer than its deadline, and all that a crash can cost. */
const OPENING_LEASE_S = 15;

export interface OpenOptions {
  caller: Caller;
  request: OpenRequest;
  origin: AuditOrigin & { ip: string };
  /** With the body it came with; absent without an Idempotency-Key. */
  idempotencyKey: string | undefined;
  body: readonly unknown[];
  /** Aborted when the client has gone. */
  gone: AbortSignal;
}

export interface Opened {
  sessionId: string;
  answer: unknown;
  replayed: boolean;
  limit: ReservationAnswer['limit'];
}

interface Opening {
  options: OpenOptions;
  sessionId: string;
  leaseToken: string;
  projectHash: string;
  idempotency: Idempotency | undefined;
  reserved: ReservationAnswer;
  /** By the monotonic clock, ms: when `reserved` arrived. */
  reservedHere: number;
}

/** The walk of one session: reserve → mint → activate → answer; any failure after the first frees the slot. */
export class SessionOpener {
  readonly #store: SessionStore;
  readonly #provider: RealtimeProvider;
  readonly #registry: ProjectRegistry;
  readonly #installation: Installation;
  readonly #clock: Clock;

  constructor(
    store: SessionStore,
    provider: RealtimeProvider,
    registry: ProjectRegistry,
    installation: Installation,
    clock: Clock,
  ) {
    this.#store = store;
    this.#provider = provider;
    this.#registry = registry;
    this.#installation = installation;
    this.#clock = clock;
  }

  async open(options: OpenOptions): Promise<Opened> {
    if (!this.#installation.loaded) throw unavailable('The service cannot reach its database.');
    const { caller, idempotencyKey } = options;
    const sessionId = newSessionId(this.#clock.now());
    const leaseToken = newLeaseToken();
    const projectHash = this.#installation.projectHash(caller.project.projectId);
    const idempotency =
      idempotencyKey === undefined
        ? undefined
        : new Idempotency(this.#scope(options), idempotencyKey, options.body);
    const reserved = await this.#store.reserve(
      this.#reservation(options, { sessionId, leaseToken, projectHash, idempotency }),
    );
    const { limit } = reserved;
    if (reserved.verdict === 'replay' && idempotency !== undefined && reserved.sealedAnswer !== undefined) {
      return { sessionId, answer: idempotency.open(reserved.sealedAnswer), replayed: true, limit };
    }
    if (reserved.verdict !== 'reserved') throw refusalOf(reserved);
    const reservedHere = this.#clock.monotonic();
    const opening = { options, sessionId, leaseToken, projectHash, idempotency, reserved, reservedHere };
    try {
      const grant = await this.#mint(opening);
      return { sessionId, answer: await this.#activate(opening, grant), replayed: false, limit };
    } catch (error) {
      await this.#free(opening, error);
      throw error;
    }
  }

  #scope({ caller, origin }: OpenOptions): string[] {
    return caller.client === undefined
      ? ['project', caller.project.projectId, limitedAddress(origin.ip)]
      : ['client', caller.client.issuer ?? '', caller.client.clientId];
  }

  #reservation(
    options: OpenOptions,
    made: Pick<Opening, 'sessionId' | 'leaseToken' | 'projectHash' | 'idempotency'>,
  ): Reservation {
    const { caller, request, origin } = options;
    const { project, client, key, flow } = caller;
    const { session, access } = project.spec;
    const clientSubject = client && this.#clientSubject(client);
    return {
      session_id: made.sessionId,
      project_hash: made.projectHash,
      client: client?.name,
      flow,
      model: request.model,
      voice: request.voice,
      key_fingerprint: key.fingerprint,
      lease_token_hash: sha256Hex(made.leaseToken),
      lease_seconds: session.leaseSeconds,
      opening_seconds: OPENING_LEASE_S,
      max_duration_seconds: session.maxDurationSeconds,
      cap: session.maxConcurrent,
      vault_cap: access.maxConcurrent ?? session.maxConcurrent,
      client_cap: client?.spec.maxConcurrent ?? session.maxConcurrent,
      windows: this.#windows(options, made.projectHash, clientSubject),
      quota: quotaOf(caller, clientSubject ?? made.projectHash),
      idempotency: made.idempotency && {
        key_hash: made.idempotency.keyHash,
        body_hash: made.idempotency.bodyHash,
      },
      event: auditEntry('vault_key_loaded', origin, {
        key_fingerprint: key.fingerprint,
        flow,
        provider: project.spec.provider.type,
      }),
    };
  }

  #clientSubject({ issuer, clientId }: Client): string {
    return this.#installation.pseudonym('client', JSON.stringify([issuer ?? null, clientId]));
  }

  /** An address that has used up its own window does not count against its project's. */
  #windows(
    { caller, origin }: OpenOptions,
    projectHash: string,
    clientSubject: string | undefined,
  ): Reservation['windows'] {
    const { limits, access } = caller.project.spec;
    if (caller.client !== undefined && clientSubject !== undefined) {
      const { requests, windowSeconds: seconds } = caller.client.spec.limits;
      return [{ scope: 'client', subject: clientSubject, requests, seconds }];
    }
    const address = this.#installation.pseudonym('address', limitedAddress(origin.ip));
    return [
      {
        scope: 'project_address',
        subject: `${projectHash}:${address}`,
        requests: access.perAddress.requests,
        seconds: access.perAddress.windowSeconds,
      },
      { scope: 'project', subject: projectHash, requests: limits.requests, seconds: limits.windowSeconds },
    ];
  }

  async #mint({ options }: Opening): Promise<Grant> {
    const { caller, request, gone } = options;
    gone.throwIfAborted();
    return this.#provider.mint(
      caller.key,
      { ...request, baseUrl: caller.project.spec.provider.baseUrl },
      gone,
    );
  }

  async #activate(opening: Opening, grant: Grant): Promise<unknown> {
    const { options, sessionId, idempotency } = opening;
    const { caller, request, origin, gone } = options;
    gone.throwIfAborted();
    this.#refuseSuspended(caller);
    const leaseExpiresAt = this.#leaseExpiry(opening);
    const answer = this.#answer(opening, grant, leaseExpiresAt);
    const activated = await this.#store.activate({
      session_id: sessionId,
      ...(grant.providerSessionId !== undefined && { provider_session_id: grant.providerSessionId }),
      lease_expires_at: leaseExpiresAt,
      ...(idempotency && { sealed_answer: idempotency.seal(answer) }),
      event: auditEntry('session_created', origin, {
        model: request.model,
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
    const { projectsByName, clients } = this.#registry.snapshot;
    const now = projectsByName.get(project.name);
    const clientNow = client && clients.find(({ name }) => name === client.name);
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

  #answer(opening: Opening, grant: Grant, leaseExpiresAt: number): Record<string, unknown> {
    const { options, sessionId, leaseToken, reserved } = opening;
    const { caller, request } = options;
    const secret = { value: grant.value, expires_at: grant.expiresAt };
    return {
      session_id: sessionId,
      id: grant.providerSessionId ?? sessionId,
      object: 'realtime.session',
      model: request.model,
      voice: grantedVoice(request.voice, grant.session),
      client_secret: secret,
      ...secret,
      session: grant.session,
      connect: grant.connect,
      lease_token: leaseToken,
      lease_expires_at: leaseExpiresAt,
      turn_credentials: STUN_ONLY,
      metadata: this.#metadata(caller.project, caller.flow, reserved.activeSessions),
    };
  }

  #metadata(project: Project, flow: Caller['flow'], activeSessions: number): Record<string, unknown> {
    return {
      project_id: project.projectId,
      provider: project.spec.provider.type,
      flow,
      active_sessions: activeSessions,
      max_concurrent: project.spec.session.maxConcurrent,
    };
  }

  /** Frees the slot in the same breath. When even that fails, the lease of an opening session soon lapses. */
  async #free({ options, sessionId }: Opening, error: unknown): Promise<void> {
    const code = options.gone.aborted ? 'client_closed' : error instanceof AppError ? error.code : 'internal';
    await this.#store
      .end({
        session_id: sessionId,
        state: 'failed',
        event: auditEntry('session_error', options.origin, { code }, { outcome: 'failure' }),
      })
      .catch(() => undefined);
  }
}

function quotaOf({ client, project }: Caller, subject: string): Reservation['quota'] {
  const { sessionsPerMonth: limit } = client?.spec.limits ?? project.spec.limits;
  return limit === undefined ? undefined : { subject, limit };
}
