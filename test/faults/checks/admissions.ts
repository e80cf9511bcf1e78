import type { Flow, OpeningFact, SessionFact, Violation } from './facts.ts';

export interface Caps {
  /** Of all sessions of a project. */
  all: number;
  /** Of those that a bare project id may open. */
  vault: number;
}

/** A slot that is held from `since` up to, not including, `until`. */
export interface Held {
  id: string;
  project: string;
  flow: Flow;
  since: number;
  until: number;
}

type CapsOf = (project: string) => Caps;

/** At no instant are more sessions of a project live than its cap. */
export function overAdmissions(held: readonly Held[], capsOf: CapsOf): Violation[] {
  const violations: Violation[] = [];
  for (const [project, ofProject] of Map.groupBy(held, ({ project }) => project)) {
    const caps = capsOf(project);
    violations.push(...beyond(ofProject, caps.all, `${project}, all flows`));
    const byVault = ofProject.filter(({ flow }) => flow === 'vault');
    if (caps.vault < caps.all) violations.push(...beyond(byVault, caps.vault, `${project}, vault flow`));
  }
  return violations;
}

export function heldByDatabase(sessions: readonly SessionFact[]): Held[] {
  return sessions.map(({ id, project, flow, openedAt, endedAt, leaseEndsAt }) => ({
    id,
    project,
    flow,
    since: openedAt,
    until: Math.min(endedAt ?? Infinity, leaseEndsAt),
  }));
}

/** What clients were granted and did not give back, however often they were told of it. */
export function heldByClients(openings: readonly OpeningFact[]): Held[] {
  const held = new Map<string, Held>();
  for (const { sessionId, project, flow, answeredAt, heldUntil } of openings) {
    if (sessionId === undefined || heldUntil === undefined) continue;
    const before = held.get(sessionId);
    held.set(sessionId, {
      id: sessionId,
      project,
      flow,
      since: Math.min(answeredAt, before?.since ?? Infinity),
      until: Math.min(heldUntil, before?.until ?? Infinity),
    });
  }
  return [...held.values()];
}

/** Who was refused for want of a slot was refused at an instant at which all were taken. */
export function needlessRefusals(
  openings: readonly OpeningFact[],
  sessions: readonly SessionFact[],
  capsOf: CapsOf,
): Violation[] {
  const byProject = Map.groupBy(heldByDatabase(sessions), ({ project }) => project);
  return openings
    .filter(({ error }) => error === 'concurrency_limit_exceeded')
    .filter((opening) => {
      const held = byProject.get(opening.project) ?? [];
      const caps = capsOf(opening.project);
      // Clients' clocks show whole milliseconds.
      const [from, to] = [opening.sentAt, opening.answeredAt + 1];
      const byVault = opening.flow === 'vault' ? held.filter(({ flow }) => flow === 'vault') : [];
      return most(held, from, to) < caps.all && most(byVault, from, to) < caps.vault;
    })
    .map(({ tag, project }) => ({
      check: 'no slot is lost',
      what: `${tag} was refused a slot of ${project} while some were free`,
    }));
}

/** The most that are held at one instant of a span, both its ends included. */
function most(held: readonly Held[], from: number, to: number): number {
  const touching = held.filter(({ since, until }) => since <= to && until > from);
  const instants = [from, ...touching.map(({ since }) => since).filter((since) => since > from)];
  return Math.max(
    ...instants.map((at) => touching.filter(({ since, until }) => since <= at && until > at).length),
  );
}

function beyond(held: readonly Held[], cap: number, whose: string): Violation[] {
  // What ends at an instant makes room for what begins at it.
  const changes = held
    .filter(({ since, until }) => until > since)
    .flatMap((slot) => [
      { at: slot.since, slot, begins: true },
      { at: slot.until, slot, begins: false },
    ])
    .sort((one, other) => one.at - other.at || Number(one.begins) - Number(other.begins));
  const together = new Map<string, Held>();
  const violations: Violation[] = [];
  for (const { at, slot, begins } of changes) {
    if (begins) together.set(slot.id, slot);
    else together.delete(slot.id);
    if (begins && together.size > cap) {
      const ids = [...together.keys()].join(' ');
      const what = `${whose}: ${together.size} of ${cap} at ${new Date(at).toISOString()}: ${ids}`;
      violations.push({ check: 'no over-admission', what });
    }
  }
  return violations;
}
