import { availableParallelism } from 'node:os';
import type { Load } from './load.ts';
import type { Case, Options } from './options.ts';
import type { LoadGenerator } from './processes.ts';
import { difference, isKnown, largest, type Maybe, median, ratio, rotated } from './statistics.ts';
import { setLatency, type Subject } from './subjects.ts';
import { cpuMs, familyCpuMs, machineCpuMs, memoryOf } from './usage.ts';

/** What one subject did in one round. Null: not known on this system, or of this subject. */
export interface Figures {
  sessionsPerSecond: number | null;
  p50Ms: number | null;
  p95Ms: number | null;
  p99Ms: number | null;
  /** Of the subject's own process, for one session. */
  cpuMsPerSession: number | null;
  /** Of PostgreSQL, for one session. */
  postgresMsPerSession: number | null;
  residentMb: number | null;
  /** Since the process began. */
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
  /** c-a */
  serviceAddsP50Ms: number | null;
  /** b-a */
  forwarderAddsP50Ms: number | null;
  /** (c-a)/(b-a) */
  addedP50: number | null;
}

export interface CaseResult extends Case {
  rounds: Round[];
  medians: Record<string, Figures>;
  ratios: Ratios;
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

/** What measuring needs. */
export interface Bench {
  subjects: Subject[];
  load: LoadGenerator;
  simulatorUrl: string;
  postmasterPid: number;
  signal: AbortSignal;
}

/** Runs the compilers of every process hot, and fills caches and pools, before anything counts. */
export async function warmUp(bench: Bench, seconds: number): Promise<void> {
  await setLatency(bench.simulatorUrl, 0);
  for (const subject of bench.subjects) await turnOf(bench, subject, { connections: 16, seconds });
}

export async function measureCase(
  bench: Bench,
  { latencyMs, connections }: Case,
  options: Options,
): Promise<CaseResult> {
  const { rounds: count, seconds } = options;
  await setLatency(bench.simulatorUrl, latencyMs);
  const rounds: Round[] = [];
  for (let index = 0; index < count; index += 1) {
    const round: Round = {};
    for (const subject of rotated(bench.subjects, index)) {
      round[subject.name] = await turnOf(bench, subject, { connections, seconds });
    }
    rounds.push(round);
  }
  const names = bench.subjects.map(({ name }) => name);
  return {
    latencyMs,
    connections,
    rounds,
    medians: Object.fromEntries(names.map((name) => [name, mediansOf(turnsOf(rounds, name))])),
    ratios: ratiosOf(rounds),
    foreignShare: largest(rounds.flatMap((round) => Object.values(round).map((turn) => turn.foreignShare))),
    errors: errorsOf(rounds, names),
  };
}

async function turnOf(
  bench: Bench,
  subject: Subject,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Turn> {
  bench.signal.throwIfAborted();
  const { url, headers, body } = subject;
  await bench.load.prepare({ url, headers, body, connections });
  const before = cpuOfAll(bench);
  const load = await bench.load.run(seconds);
  const after = cpuOfAll(bench);
  const spent = Object.fromEntries(
    Object.keys(after).map((name) => [name, difference(after[name], before[name])]),
  );
  const { machine, ...cpuMs } = spent;
  const foreignShare = foreignShareOf(machine, Object.values(cpuMs), load.elapsedMs);
  return { ...figuresOf(subject, load, cpuMs), ...countsOf(load), cpuMs, foreignShare };
}

function figuresOf(subject: Subject, load: Load, spent: Record<string, number | null>): Figures {
  const memory = subject.pid === undefined ? null : memoryOf(subject.pid);
  return {
    sessionsPerSecond: ratio(load.sessions * 1000, load.elapsedMs),
    p50Ms: load.p50Ms,
    p95Ms: load.p95Ms,
    p99Ms: load.p99Ms,
    cpuMsPerSession: ratio(spent[subject.name], load.sessions),
    postgresMsPerSession: subject.usesDatabase ? ratio(spent['postgres'], load.sessions) : null,
    residentMb: memory?.residentMb ?? null,
    peakMb: memory?.peakMb ?? null,
  };
}

function foreignShareOf(all: Maybe, ours: (number | null)[], elapsedMs: number): number | null {
  const known = ours.filter(isKnown);
  if (!isKnown(all) || known.length !== ours.length) return null;
  const foreign = known.reduce((rest, spent) => rest - spent, all);
  return Math.max(0, foreign / (elapsedMs * availableParallelism()));
}

function countsOf({ sessions, elapsedMs, errors }: Load): Pick<Turn, 'sessions' | 'elapsedMs' | 'errors'> {
  return { sessions, elapsedMs, errors };
}

function cpuOfAll({ subjects, load, postmasterPid }: Bench): Record<string, number | null> {
  const own = subjects.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, cpuMs(pid)] as const]));
  return {
    ...Object.fromEntries(own),
    postgres: familyCpuMs(postmasterPid),
    load: cpuMs(load.pid),
    machine: machineCpuMs(),
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
  const pairs = rounds.map(({ simulator: a, forwarder: b, service: c }) => {
    const serviceAdds = difference(c?.p50Ms, a?.p50Ms);
    const forwarderAdds = difference(b?.p50Ms, a?.p50Ms);
    return {
      sessionsPerSecond: ratio(c?.sessionsPerSecond, b?.sessionsPerSecond),
      p99: ratio(c?.p99Ms, b?.p99Ms),
      serviceAdds,
      forwarderAdds,
      added: ratio(serviceAdds, forwarderAdds),
    };
  });
  return {
    sessionsPerSecond: median(pairs.map((pair) => pair.sessionsPerSecond)),
    p99: median(pairs.map((pair) => pair.p99)),
    serviceAddsP50Ms: median(pairs.map((pair) => pair.serviceAdds)),
    forwarderAddsP50Ms: median(pairs.map((pair) => pair.forwarderAdds)),
    addedP50: median(pairs.map((pair) => pair.added)),
  };
}

function errorsOf(rounds: Round[], names: string[]): Record<string, number> {
  const counted = names.map((name) => {
    const errors = turnsOf(rounds, name).flatMap((turn) => Object.values(turn.errors));
    return [name, errors.reduce((sum, count) => sum + count, 0)] as const;
  });
  return Object.fromEntries(counted.filter(([, count]) => count > 0));
}
