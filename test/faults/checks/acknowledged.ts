import type { AuditFact, OpeningFact, SessionFact, Violation } from './facts.ts';

/** Who was told 200 has a session with its row and its record, and the one that it asked for. */
export function sessionsWithoutRow(
  openings: readonly OpeningFact[],
  sessions: readonly SessionFact[],
  audit: readonly AuditFact[],
): Violation[] {
  const byId = new Map(sessions.map((session) => [session.id, session]));
  const created = countBySession(audit, 'session_created');
  const loaded = countBySession(audit, 'vault_key_loaded');
  return openings.flatMap((opening) => {
    if (opening.status !== 200) return [];
    const problem =
      rowProblem(opening, byId.get(opening.sessionId ?? '')) ?? recordProblem(opening.sessionId ?? '');
    if (problem === undefined) return [];
    const what = `${opening.tag}: ${opening.sessionId} ${problem}`;
    return [{ check: 'no acknowledged session without a row', what }];
  });

  function recordProblem(id: string): string | undefined {
    if (created.get(id) !== 1) return `has ${created.get(id) ?? 0} session_created`;
    return loaded.get(id) === 1 ? undefined : `has ${loaded.get(id) ?? 0} vault_key_loaded`;
  }
}

function rowProblem({ tag, project }: OpeningFact, session: SessionFact | undefined): string | undefined {
  if (session === undefined) return 'has no row';
  return session.tag === tag && session.project === project ? undefined : 'has the row of another asking';
}

/** A repetition under one Idempotency-Key gives the session that was given before, and no conflict with it. */
export function replaysThatDiffer(openings: readonly OpeningFact[]): Violation[] {
  const keyed = openings.filter(({ idempotencyKey }) => idempotencyKey !== undefined);
  return [...Map.groupBy(keyed, ({ idempotencyKey }) => idempotencyKey)].flatMap(([key, list]) => {
    const granted = list.filter(({ status }) => status === 200);
    const ids = new Set(granted.map(({ sessionId }) => sessionId));
    const firstGrantedAt = Math.min(...granted.map(({ answeredAt }) => answeredAt));
    const refused = list.some(({ status, sentAt }) => status === 409 && sentAt > firstGrantedAt);
    if (ids.size < 2 && !refused) return [];
    const what = `${key}: ${[...ids].join(' ')}${refused ? ', and a conflict' : ''}`;
    return [{ check: 'a repetition gives the same', what }];
  });
}

/** What was said to have ended had ended by then. */
export function endsNotKept(openings: readonly OpeningFact[], sessions: readonly SessionFact[]): Violation[] {
  const byId = new Map(sessions.map((session) => [session.id, session]));
  return openings.flatMap(({ tag, sessionId, toldEndedAt }) => {
    if (sessionId === undefined || toldEndedAt === undefined) return [];
    const endedAt = byId.get(sessionId)?.endedAt ?? Infinity;
    if (endedAt <= toldEndedAt + 1) return [];
    const what = `${tag}: ${sessionId} was said to have ended at ${toldEndedAt}, and ended at ${endedAt}`;
    return [{ check: 'what was said to have ended has', what }];
  });
}

function countBySession(audit: readonly AuditFact[], event: AuditFact['event']): Map<string, number> {
  const counts = new Map<string, number>();
  for (const row of audit) {
    if (row.event === event) counts.set(row.sessionId, (counts.get(row.sessionId) ?? 0) + 1);
  }
  return counts;
}
