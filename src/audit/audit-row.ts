import canonicalize from 'canonicalize';

/** A row as the API, the export and the hash know it. */
export interface AuditRow {
  chain: string;
  seq: number;
  /** RFC 3339 in ms. */
  time: string;
  event: string;
  project_hash: string | null;
  actor: string | null;
  actor_kind: string;
  ip: string | null;
  request_id: string | null;
  trace_id: string | null;
  outcome: string;
  session_id: string | null;
  detail: Record<string, unknown>;
  prev_hash: string;
  hash: string;
}

export interface StoredAuditRow extends Omit<AuditRow, 'seq' | 'time'> {
  seq: string;
  time: Date;
}

export const AUDIT_COLUMNS =
  'chain, seq, time, event, project_hash, actor, actor_kind, ip, request_id, trace_id, outcome, session_id, detail, prev_hash, hash';

export function toAuditRow(stored: StoredAuditRow): AuditRow {
  return { ...stored, seq: Number(stored.seq), time: stored.time.toISOString() };
}

/** As an export and every other place that keeps rows have it: one line, detail in RFC 8785 form. */
export function auditLine({ detail, prev_hash: previous, hash, ...rest }: AuditRow): string {
  const row = JSON.stringify(rest).slice(0, -1);
  return `${row},"detail":${canonicalize(detail) ?? ''},"prev_hash":"${previous}","hash":"${hash}"}`;
}
