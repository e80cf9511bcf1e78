import type { ErrorCode } from '../common/app-error.ts';

/** What each kind of event tells in its `detail`. Values are ours, never what a client sent. */
export interface AuditDetails {
  vault_key_saved: { key_fingerprint: string; replaced: boolean };
  vault_key_rotated: { key_fingerprint: string; previous_fingerprint: string };
  vault_key_deleted: { key_fingerprint: string };
  vault_key_loaded: { key_fingerprint: string; flow: string; provider: string };
  session_created: { model: string; flow: string; key_fingerprint: string };
  session_error: { code: ErrorCode | 'client_closed' };
  session_released: { by: 'lease' | 'admin' };
  session_expired: Record<string, never>;
  session_terminated: { reason: 'admin' | 'suspended' | 'removed' };
  auth_rejected: { reason: string; count: number };
  admin_rejected: { reason: string; count: number };
  config_changed:
    | { change: 'created' | 'suspended' | 'resumed'; resource: 'project' }
    | { change: 'token'; client: string }
    | { change: 'pruned'; resource: 'audit'; before: string; rows: number };
}

export type AuditEventName = keyof AuditDetails;

export const AUDIT_EVENTS = [
  'vault_key_saved',
  'vault_key_rotated',
  'vault_key_deleted',
  'vault_key_loaded',
  'session_created',
  'session_error',
  'session_released',
  'session_expired',
  'session_terminated',
  'auth_rejected',
  'admin_rejected',
  'config_changed',
] as const satisfies AuditEventName[];

/** Who did it, from where, in which request. */
export interface AuditOrigin {
  /** A client's id, an admin key's fingerprint; null where nobody is known. */
  actor: string | null;
  actorKind: 'client' | 'project' | 'admin' | 'system' | 'anonymous';
  ip: string | null;
  requestId: string | null;
  traceId: string | null;
}

export const SYSTEM_ORIGIN: AuditOrigin = {
  actor: null,
  actorKind: 'system',
  ip: null,
  requestId: null,
  traceId: null,
};

/** An event as the database's audit_append takes it; it adds chain, seq, time and hashes. */
export interface AuditEntry {
  event: AuditEventName;
  outcome: 'success' | 'failure';
  actor: string | null;
  actor_kind: AuditOrigin['actorKind'];
  ip: string | null;
  request_id: string | null;
  trace_id: string | null;
  project_hash?: string | null;
  session_id?: string | null;
  /** RFC 8785 text. */
  detail: string;
}
