import canonicalize from 'canonicalize';
import { memo } from '../common/memo.ts';
import type { AuditDetails, AuditEntry, AuditEventName, AuditOrigin } from './audit-event.ts';

export interface EntryOptions {
  outcome?: 'success' | 'failure';
  projectHash?: string;
}

const MAX_KEPT_DETAILS = 1_000;

/** Most entries have a detail that was written before: its values are a project's, not a session's. */
const canonicalText = memo(MAX_KEPT_DETAILS, (text) => canonicalize(JSON.parse(text)) ?? '{}');

/** An audit event in the form that travels in the transaction of what it records. */
export function auditEntry<E extends AuditEventName>(
  event: E,
  origin: AuditOrigin,
  detail: AuditDetails[E],
  options: EntryOptions = {},
): AuditEntry {
  const entry: AuditEntry = {
    event,
    outcome: options.outcome ?? 'success',
    actor: origin.actor,
    actor_kind: origin.actorKind,
    ip: origin.ip,
    request_id: origin.requestId,
    trace_id: origin.traceId,
    detail: canonicalText(JSON.stringify(detail)),
  };
  if (options.projectHash !== undefined) entry.project_hash = options.projectHash;
  return entry;
}
