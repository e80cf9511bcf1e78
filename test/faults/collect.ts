import type { TestDatabase } from '../support/test-database.ts';
import type { AuditFact, SessionFact } from './checks/facts.ts';
import type { SlotCount } from './checks/slots.ts';
import { settled } from './database.ts';

const MS = (expression: string): string => `extract(epoch FROM ${expression})::float8 * 1000`;

/** The database's time, from which on the next check looks. */
export async function databaseNow(database: TestDatabase): Promise<string> {
  const [row] = await settled(() =>
    database.query<{ now: string }>("SELECT (clock_timestamp() - interval '1 millisecond')::text AS now"),
  );
  return row!.now;
}

export async function liveSessions(database: TestDatabase): Promise<number> {
  const [row] = await settled(() =>
    database.query<{ live: number }>('SELECT count(*)::integer AS live FROM sessions WHERE ended_at IS NULL'),
  );
  return row!.live;
}

export function sessionsSince(database: TestDatabase, since: string): Promise<SessionFact[]> {
  return settled(() =>
    database.query<SessionFact & Record<string, unknown>>(
      `SELECT id, model AS tag, flow, split_part(model, '-', 1) AS project, ${MS('opened_at')} AS "openedAt",
         ${MS('ended_at')} AS "endedAt", ${MS('lease_expires_at')} AS "leaseEndsAt"
       FROM sessions WHERE opened_at >= $1::timestamptz`,
      [since],
    ),
  );
}

/** Of the sessions opened since; commits have times because the rig's server tracks them. */
export function auditSince(database: TestDatabase, since: string): Promise<AuditFact[]> {
  return settled(() =>
    database.query<AuditFact & Record<string, unknown>>(
      `SELECT e.event, e.session_id AS "sessionId", s.model AS tag, e.detail->>'key_fingerprint' AS key,
         ${MS('coalesce(pg_xact_commit_timestamp(e.xmin), e.time)')} AS "committedAt"
       FROM audit_events e JOIN sessions s ON s.id = e.session_id
       WHERE e.time >= $1::timestamptz - interval '1 second' AND s.opened_at >= $1::timestamptz
         AND e.event IN ('vault_key_loaded', 'session_created')`,
      [since],
    ),
  );
}

export function slotCounts(database: TestDatabase): Promise<SlotCount[]> {
  return settled(() =>
    database.query<SlotCount & Record<string, unknown>>(
      `SELECT p.project_hash AS project, p.taken AS counted, p.taken_by_vault AS "countedByVault",
         (SELECT count(*)::integer FROM sessions s WHERE s.project_hash = p.project_hash AND s.ended_at IS NULL) AS live
       FROM project_slots p`,
    ),
  );
}
