import { auditEntry } from '../audit/audit-entry.ts';
import type { AuditOrigin } from '../audit/audit-event.ts';
import type { Caller } from '../auth/caller.ts';
import { sha256Hex } from '../common/ids.ts';
import { keyOfClient } from '../projects/snapshot.ts';
import type { Installation } from '../database/installation.ts';
import { limitedAddress } from '../http/address.ts';
import type { Idempotency } from './idempotency.ts';
import type { OpenRequest } from './open-request.ts';
import type { Reservation } from './session-store.ts';

/** The lease while the provider is asked: longer than its deadline, and all that a crash can cost. */
const OPENING_LEASE_S = 15;

export interface ReservationInput {
  caller: Caller;
  request: OpenRequest;
  origin: AuditOrigin & { ip: string };
  sessionId: string;
  leaseToken: string;
  idempotency: Idempotency | undefined;
}

/** What the configuration asks of the database for one session, in the words of its function. */
export function reservationOf(input: ReservationInput, installation: Installation): Reservation {
  const { caller, request, origin, idempotency } = input;
  const { project, client, key, flow } = caller;
  const { session, provider } = project.spec;
  const projectHash = installation.projectHash(project.projectId);
  const clientSubject = client && installation.pseudonym('client', keyOfClient(client));
  return {
    session_id: input.sessionId,
    project_hash: projectHash,
    client: client?.name,
    flow,
    model: request.model,
    voice: request.voice,
    key_fingerprint: key.fingerprint,
    lease_token_hash: sha256Hex(input.leaseToken),
    lease_seconds: session.leaseSeconds,
    opening_seconds: OPENING_LEASE_S,
    max_duration_seconds: session.maxDurationSeconds,
    ...capsOf(caller),
    windows:
      client && clientSubject !== undefined
        ? [{ scope: 'client', subject: clientSubject, ...windowOf(client.spec.limits) }]
        : vaultWindows(input, projectHash, installation),
    quota: quotaOf(caller, clientSubject ?? projectHash),
    idempotency: idempotency && { key_hash: idempotency.keyHash, body_hash: idempotency.bodyHash },
    event: auditEntry('vault_key_loaded', origin, {
      key_fingerprint: key.fingerprint,
      flow,
      provider: provider.type,
    }),
  };
}

/** The address first: one that has used up its own window does not count against its project's. */
function vaultWindows(
  { caller, origin }: ReservationInput,
  projectHash: string,
  installation: Installation,
): Reservation['windows'] {
  const { limits, access } = caller.project.spec;
  const address = installation.pseudonym('address', limitedAddress(origin.ip));
  return [
    { scope: 'project_address', subject: `${projectHash}:${address}`, ...windowOf(access.perAddress) },
    { scope: 'project', subject: projectHash, ...windowOf(limits) },
  ];
}

function capsOf({ project, client }: Caller): Pick<Reservation, 'cap' | 'vault_cap' | 'client_cap'> {
  const { session, access } = project.spec;
  return {
    cap: session.maxConcurrent,
    vault_cap: access.maxConcurrent ?? session.maxConcurrent,
    client_cap: client?.spec.maxConcurrent ?? session.maxConcurrent,
  };
}

function windowOf({ requests, windowSeconds }: { requests: number; windowSeconds: number }): {
  requests: number;
  seconds: number;
} {
  return { requests, seconds: windowSeconds };
}

function quotaOf({ client, project }: Caller, subject: string): Reservation['quota'] {
  const { sessionsPerMonth: limit } = client?.spec.limits ?? project.spec.limits;
  return limit === undefined ? undefined : { subject, limit };
}
