import type { Case } from './options.ts';
import { difference, largest, median, ratio, sum } from './statistics.ts';

/** What one subject did in one round. Null: not known on this system, or of this subject. */
export interface Figures {
  sessionsPerSecond: number | null;
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  /** Of the subject's own processes, for one session. */
  cpuMsPerSession: number | null;
  /** Of PostgreSQL, for one session. */
  postgresMsPerSession: number | null;
  /** Of the largest of its processes. */
  residentMb: number | null;
  /** Since that process began. */
  peakMb: number | null;
}

export interface Turn extends Figures {
  sessions: number;
  elapsedMs: number;
  errors: Record<string, number>;
  /** Milliseconds of every process of the bench during the turn, also of those that only looked on. */
  cpuMs: Record<string, number | null>;
  /** Of the machine's CPU, what went to programs that are not of the bench: 0 to 1. */
  foreignShare: number | null;
}

/** By subject, in the order in which they had their turns. */
export type Round = Record<string, Turn>;

/** Medians of what was computed pair by pair, each pair of one round. */
export interface Ratios {
  /** c/b */
  sessionsPerSecond: number | null;
  /** c/b */
  p99: number | null;
  addedP50: Added;
  addedP99: Added;
}

export interface Added {
  /** c-a */
  serviceMs: number | null;
  /** b-a */
  forwarderMs: number | null;
  /** (c-a)/(b-a) */
  ratio: number | null;
}

/** One setting beside the one it differs from, in the same way. */
export interface Comparison {
  sessionsPerSecond: number | null;
  p99: number | null;
  /** Of its processes and PostgreSQL together, for one session. */
  cpu: number | null;
}

export interface CaseResult extends Case {
  rounds: Round[];
  medians: Record<string, Figures>;
  ratios: Ratios;
  /** By subject: those that are (b) or (c) in another setting. */
  comparisons: Record<string, Comparison>;
  /** The largest of all turns. */
  foreignShare: number | null;
  /** Answers that were no session, by subject; those without any are left out. */
  errors: Record<string, number>;
}

const FIGURES = [
  'sessionsPerSecond',
  'p50Ms',
  'p95Ms',
  'p99Ms',
  'cpuMsPerSession',
  'postgresMsPerSession',
  'residentMb',
  'peakMb',
] as const satisfies (keyof Figures)[];

/** What the rounds of a case say together. */
export function resultOf(one: Case, rounds: Round[]): CaseResult {
  const names = Object.keys(rounds[0] ?? {});
  return {
    ...one,
    rounds,
    medians: Object.fromEntries(names.map((name) => [name, mediansOf(turnsOf(rounds, name))])),
    ratios: ratiosOf(rounds),
    comparisons: comparisonsOf(rounds, names),
    foreignShare: largest(rounds.flatMap((round) => Object.values(round).map((turn) => turn.foreignShare))),
    errors: errorsOf(rounds, names),
  };
}

function turnsOf(rounds: Round[], name: string): Turn[] {
  return rounds.flatMap((round) => round[name] ?? []);
}

function mediansOf(turns: Turn[]): Figures {
  return Object.fromEntries(
    FIGURES.map((figure) => [figure, median(turns.map((turn) => turn[figure]))]),
  ) as unknown as Figures;
}

function ratiosOf(rounds: Round[]): Ratios {
  const served = comparisonOf(rounds, 'service', 'forwarder');
  return {
    sessionsPerSecond: served.sessionsPerSecond,
    p99: served.p99,
    addedP50: addedOf(rounds, ({ p50Ms }) => p50Ms),
    addedP99: addedOf(rounds, ({ p99Ms }) => p99Ms),
  };
}

function addedOf(rounds: Round[], latencyOf: (figures: Figures) => number | null): Added {
  const pairs = rounds.map(({ simulator: a, forwarder: b, service: c }) => {
    const direct = a && latencyOf(a);
    const service = difference(c && latencyOf(c), direct);
    const forwarder = difference(b && latencyOf(b), direct);
    return { service, forwarder, ratio: ratio(service, forwarder) };
  });
  return {
    serviceMs: median(pairs.map(({ service }) => service)),
    forwarderMs: median(pairs.map(({ forwarder }) => forwarder)),
    ratio: median(pairs.map((pair) => pair.ratio)),
  };
}

/** By name: `service-filled` beside `service`. */
function comparisonsOf(rounds: Round[], names: string[]): Record<string, Comparison> {
  const settings = names.flatMap((name) => {
    const base = /^(service|forwarder)-/.exec(name)?.[1];
    return base === undefined ? [] : [[name, comparisonOf(rounds, name, base)] as const];
  });
  return Object.fromEntries(settings);
}

function comparisonOf(rounds: Round[], one: string, other: string): Comparison {
  const of = (figureOf: (turn: Turn) => number | null): number | null =>
    median(
      rounds.map(({ [one]: first, [other]: second }) =>
        ratio(first && figureOf(first), second && figureOf(second)),
      ),
    );
  return {
    sessionsPerSecond: of((turn) => turn.sessionsPerSecond),
    p99: of((turn) => turn.p99Ms),
    cpu: of((turn) => sum([turn.cpuMsPerSession, turn.postgresMsPerSession])),
  };
}

function errorsOf(rounds: Round[], names: string[]): Record<string, number> {
  const counted = names.map((name) => {
    const errors = turnsOf(rounds, name).flatMap((turn) => Object.values(turn.errors));
    return [name, errors.reduce((sum, count) => sum + count, 0)] as const;
  });
  return Object.fromEntries(counted.filter(([, count]) => count > 0));
}
