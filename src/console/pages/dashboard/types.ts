/** What the admin routes answer, as far as the dashboard reads it: see /openapi.json. */

export interface Condition {
  type: 'Ready' | 'KeyLoaded';
  status: 'True' | 'False';
  reason: string;
  message: string;
}

export interface Project {
  project_id: string;
  name: string;
  ready: boolean;
  conditions: Condition[];
  key_fingerprint: string | null;
  key_loaded_at: string | null;
  active_sessions: number | null;
  max_concurrent: number;
  suspended: boolean;
}

export interface ProjectList {
  projects: Project[];
  problems: { source: string; field: string; message: string }[];
}

export interface Client {
  name: string;
  client_id: string;
  /** Null: its tokens are signed by the service, or by the cluster of its service account. */
  issuer: string | null;
  service_account: { namespace: string; name: string } | null;
  project_id: string | null;
  ready: boolean;
  suspended: boolean;
}

export interface Session {
  session_id: string;
  project_id: string | null;
  client: string | null;
  flow: string;
  state: string;
  model: string;
  opened_at: string;
  ends_at: string;
}

export interface SessionPage {
  sessions: Session[];
  next_cursor: string | null;
}

export interface AuditPage {
  logs: AuditRow[];
  next_cursor: string | null;
}

export interface AuditRow {
  chain: string;
  seq: number;
  time: string;
  event: string;
  project_hash: string | null;
  actor: string | null;
  actor_kind: string;
  ip: string | null;
  request_id: string | null;
  outcome: string;
  session_id: string | null;
  detail: Record<string, unknown>;
}

export interface Quota {
  used: number;
  limit: number;
  resets_at: string;
}

interface Tally {
  attempts: number;
  opened: { vault: number; commercial: number };
  vault_hits: number;
  failed: Record<string, number>;
  ended: { released: number; expired: number; terminated: number };
  rejected: number;
  latency_ms: { p50: number; p95: number } | null;
}

export interface Step extends Tally {
  time: string;
  live: number | null;
}

export interface Stats {
  from: string;
  to: string;
  step: number;
  now: string;
  steps: Step[];
  totals: Tally & { vault_hit_ratio: number; success_rate: number | null; error_share: number | null };
  projects: { project_id: string; attempts: number; opened: number; failed: number; quota: Quota | null }[];
  audit: {
    chains: number;
    rows: number;
    oldest: string | null;
    newest_head: { time: string; key: string; heads: { chain: string; seq: number }[] } | null;
  };
}

/** Live sessions as the stream tells them: all at first, then what changed. */
export interface Live {
  total: number;
  projects: { project_id: string; live: number }[];
}
