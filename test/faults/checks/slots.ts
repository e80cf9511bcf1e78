import type { Violation } from './facts.ts';

/** What `project_slots` says, and what the sessions say, once everything was given back or has lapsed. */
export interface SlotCount {
  project: string;
  counted: number;
  countedByVault: number;
  live: number;
}

export function slotsStillTaken(counts: readonly SlotCount[]): Violation[] {
  return counts
    .filter(({ counted, countedByVault, live }) => counted !== 0 || countedByVault !== 0 || live !== 0)
    .map(({ project, counted, countedByVault, live }) => ({
      check: 'no slot is lost',
      what: `${project}: ${counted} counted, ${countedByVault} of them by the vault flow, ${live} live sessions`,
    }));
}

/** What became of more requests at once than a project has slots, all of which were free. */
export interface Burst {
  project: string;
  free: number;
  /** How many had each outcome: 200, or status and code. */
  outcomes: Record<string, number>;
}

export function wrongBursts(bursts: readonly Burst[]): Violation[] {
  return bursts.flatMap(({ project, free, outcomes }) => {
    const others = Object.keys(outcomes).filter(
      (name) => !['200', '429 concurrency_limit_exceeded'].includes(name),
    );
    if (others.length === 0 && (outcomes['200'] ?? 0) === free) return [];
    const what = `${project}: ${free} free slots, a burst got ${JSON.stringify(outcomes)}`;
    return [{ check: (outcomes['200'] ?? 0) > free ? 'no over-admission' : 'no slot is lost', what }];
  });
}
