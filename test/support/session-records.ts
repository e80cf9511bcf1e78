import type { TestDatabase } from './test-database.ts';

export interface RecordedEvent {
  event: string;
  outcome: string;
  actor: string | null;
  actor_kind: string;
  detail: Record<string, unknown>;
}

/** The audit rows of one session, oldest first. */
export function eventsOf(database: TestDatabase, sessionId: string): Promise<RecordedEvent[]> {
  return database.query<RecordedEvent & Record<string, unknown>>(
    `SELECT event, outcome, actor, actor_kind, detail FROM audit_events
     WHERE session_id = $1 ORDER BY time, chain, seq`,
    [sessionId],
  );
}

/** As if the session's lease had lapsed a second ago. */
export async function lapse(database: TestDatabase, sessionId: string): Promise<void> {
  await database.query(
    "UPDATE sessions SET lease_expires_at = clock_timestamp() - interval '1 second' WHERE id = $1",
    [sessionId],
  );
}

export async function slotsTaken(database: TestDatabase): Promise<number> {
  const [row] = await database.query<{ taken: number }>(
    "SELECT count(*)::integer AS taken FROM sessions WHERE state IN ('opening', 'active')",
  );
  return row!.taken;
}

/** The most sessions that ever held a lease at one instant, by what the database remembers of them. */
export async function mostAtOnce(database: TestDatabase): Promise<number> {
  const [row] = await database.query<{ most: number }>(
    `WITH held AS (
       SELECT id, project_hash, opened_at AS since, least(coalesce(ended_at, 'infinity'), lease_expires_at) AS until
       FROM sessions)
     SELECT coalesce(max(together), 0)::integer AS most FROM (
       SELECT count(DISTINCT b.id) AS together FROM held a
       JOIN held b ON b.project_hash = a.project_hash AND b.since <= a.since AND b.until > a.since
       GROUP BY a.project_hash, a.since) instants`,
  );
  return row!.most;
}
