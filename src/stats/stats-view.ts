import type { CountRow, Counts, Quantiles, StatsFacts } from './stats-queries.ts';
import { type StatsRange, stepsOf } from './stats-range.ts';

/** What happened in a time. */
export interface Tally {
  /** Reservations: each had a slot and loaded a key. */
  attempts: number;
  opened: { vault: number; commercial: number };
  vault_hits: number;
  /** By error code. */
  failed: Record<string, number>;
  ended: { released: number; expired: number; terminated: number };
  rejected: number;
  latency_ms: { p50: number; p95: number } | null;
}

export interface Step extends Tally {
  time: string;
  live: number | null;
}

export interface Totals extends Tally {
  vault_hit_ratio: number;
  /** Null without attempts. */
  success_rate: number | null;
  error_share: number | null;
}

export interface ProjectTally {
  attempts: number;
  opened: number;
  failed: number;
}

function tally(): Tally {
  return {
    attempts: 0,
    opened: { vault: 0, commercial: 0 },
    vault_hits: 0,
    failed: {},
    ended: { released: 0, expired: 0, terminated: 0 },
    rejected: 0,
    latency_ms: null,
  };
}

/** What each event adds to a tally. */
const ADD: Record<string, (to: Tally, n: number, row: CountRow) => void> = {
  vault_key_loaded: (to, n) => {
    to.attempts += n;
  },
  session_created: (to, n, { what, hits }) => {
    to.opened[what === 'commercial' ? 'commercial' : 'vault'] += n;
    to.vault_hits += Number(hits);
  },
  session_error: (to, n, { what }) => {
    const code = what ?? 'internal';
    to.failed[code] = (to.failed[code] ?? 0) + n;
  },
  session_released: (to, n) => {
    to.ended.released += n;
  },
  session_expired: (to, n) => {
    to.ended.expired += n;
  },
  session_terminated: (to, n) => {
    to.ended.terminated += n;
  },
  auth_rejected: (to, n) => {
    to.rejected += n;
  },
};

const LEAVES_SLOT = new Set(['session_error', 'session_released', 'session_expired', 'session_terminated']);

/** What an event does to the number of sessions that hold a slot. */
function slotsOf({ event, n }: CountRow): number {
  if (event === 'vault_key_loaded') return Number(n);
  return LEAVES_SLOT.has(event) ? -Number(n) : 0;
}

/** The steps of a range and their sum. */
export function series(
  range: StatsRange,
  { now, oldest }: Pick<StatsFacts, 'now' | 'oldest'>,
  counts: Counts,
  latency: ReadonlyMap<number | undefined, Quantiles>,
): { steps: Step[]; totals: Totals } {
  const starts = stepsOf(range);
  const total = { ...tally(), latency_ms: quantiles(latency.get(undefined)) };
  const steps = new Map(
    starts.map((time) => [time, { ...tally(), latency_ms: quantiles(latency.get(time)) }]),
  );
  const moved = new Map<number, number>();
  for (const row of counts.rows) {
    if (row.step === null) continue;
    const time = row.step.getTime();
    moved.set(time, (moved.get(time) ?? 0) + slotsOf(row));
    const step = steps.get(time);
    if (step === undefined) continue;
    for (const to of [step, total]) ADD[row.event]?.(to, Number(row.n), row);
  }
  const levels = levelsAfter(starts, moved, counts.liveAtEnd);
  const known = (time: number): boolean =>
    oldest !== null && time + range.stepMs > oldest.getTime() && time <= now.getTime();
  return {
    steps: [...steps].map(([time, step]) => ({
      time: new Date(time).toISOString(),
      live: known(time) ? (levels.get(time) ?? null) : null,
      ...step,
    })),
    totals: withShares(total),
  };
}

/** How many sessions were live when each step ended: told backwards from the end of the range. */
function levelsAfter(
  starts: readonly number[],
  moved: ReadonlyMap<number, number>,
  liveAtEnd: number | undefined,
): Map<number, number> {
  const levels = new Map<number, number>();
  if (liveAtEnd === undefined) return levels;
  const last = starts.at(-1) ?? 0;
  let level = liveAtEnd;
  // What came after the range is in the level of its end.
  for (const [time, change] of moved) if (time > last) level -= change;
  for (const time of starts.toReversed()) {
    // An audit that was pruned in between does not tell of all who came.
    levels.set(time, Math.max(level, 0));
    level -= moved.get(time) ?? 0;
  }
  return levels;
}

function withShares(total: Tally): Totals {
  const opened = total.opened.vault + total.opened.commercial;
  const failed = Object.values(total.failed).reduce((sum, n) => sum + n, 0);
  // A session that fails at the range's beginning was attempted before it.
  const share = total.attempts === 0 ? null : Math.min(failed / total.attempts, 1);
  return {
    ...total,
    vault_hit_ratio: opened === 0 ? 1 : total.vault_hits / opened,
    success_rate: share === null ? null : 1 - share,
    error_share: share,
  };
}

function quantiles(found: Quantiles | undefined): Tally['latency_ms'] {
  if (found === undefined) return null;
  const [p50, p95] = found;
  return { p50: hundredths(p50), p95: hundredths(p95) };
}

function hundredths(value: number): number {
  return Math.round(Math.max(value, 0) * 100) / 100;
}

/** By pseudonym. */
export function talliesOfProjects({ rows }: Counts): Map<string, ProjectTally> {
  const tallies = new Map<string, ProjectTally>();
  const field = { vault_key_loaded: 'attempts', session_created: 'opened', session_error: 'failed' } as const;
  for (const { project_hash: hash, event, n } of rows) {
    if (hash === null || !(event in field)) continue;
    const of = tallies.get(hash) ?? { attempts: 0, opened: 0, failed: 0 };
    of[field[event as keyof typeof field]] += Number(n);
    tallies.set(hash, of);
  }
  return tallies;
}

/** What is cheaply known of all chains. */
export function auditState(facts: StatsFacts): Record<string, unknown> {
  const { chains, rows, oldest, signed_at: time, key, heads } = facts;
  return {
    chains,
    rows: Number(rows),
    oldest: oldest?.toISOString() ?? null,
    newest_head:
      time === null
        ? null
        : {
            time: time.toISOString(),
            key,
            heads: (heads ?? []).map(({ chain, seq }) => ({ chain, seq })),
          },
  };
}
