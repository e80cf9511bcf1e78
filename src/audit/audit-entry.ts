import canonicalize from 'canonicalize';
import type { AuditDetails, AuditEntry, AuditEventName, AuditOrigin } from './audit-event.ts';

export interface EntryOptions {
  outcome?: 'success' | 'failure';
  projectHash?: string;
}

/** An audit event in the form that travels in the transaction of what it records. */
export function auditEntry<E extends AuditEventName>(
  event: E,
  origin: AuditOrigin,
  detail: AuditDetails[E],
  options: EntryOptions = {},
): AuditEntry {
  return {
    event,
    outcome: options.outcome ?? 'success',
    actor: origin.actor,
    actor_kind: origin.actorKind,
    ip: origin.ip,
    request_id: origin.requestId,
    trace_id: origin.traceId,
    ...(options.projectHash === undefined ? {} : { project_hash: options.projectHash }),
    detail: canonicalize(detail) ?? '{}',
  };
}
