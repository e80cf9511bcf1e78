import type { AuditRow } from '../audit/audit-row.ts';
import type { PublicTotals } from '../telemetry/metrics.ts';

/** What the stream tells, by the name of its event. */
export interface Messages {
  snapshot: Snapshot;
  live: Live;
  session: SessionChange;
  audit: AuditRow;
  skipped: { rows: number };
  totals: PublicTotals;
  database: { reachable: boolean };
}

/** What is so now: the first message, and again when the database is back. */
export interface Snapshot {
  time: string;
  database: { reachable: boolean };
  /** Null while the database is away. */
  live: Live | null;
  totals: PublicTotals;
}

/** Sessions that hold a slot. After the snapshot, only projects that changed. */
export interface Live {
  /** Of all projects, also those that are configured no more. */
  total: number;
  projects: { project_id: string; live: number }[];
}

export interface SessionChange {
  change: 'opened' | 'failed' | 'released' | 'expired' | 'terminated';
  session_id: string;
  /** Null once the project is configured no more. */
  project_id: string | null;
  time: string;
}

export const CHANGES: Readonly<Record<string, SessionChange['change']>> = {
  session_created: 'opened',
  session_error: 'failed',
  session_released: 'released',
  session_expired: 'expired',
  session_terminated: 'terminated',
};

/** Milliseconds until a reader that was cut off should come back. */
const RETRY_MS = 3_000;

export const PRELUDE = `retry: ${RETRY_MS}\n\n`;
/** A comment, which readers ignore. */
export const HEARTBEAT = ': still here\n\n';

/** JSON has no line breaks outside of its strings' escapes, so it is one line of data. */
export function message<E extends keyof Messages>(event: E, data: Messages[E]): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
