import { availableParallelism } from 'node:os';
import { type CaseResult, type Figures, resultOf, type Round, type Turn } from './figures.ts';
import type { Load } from './load.ts';
import type { Case, Options } from './options.ts';
import type { Stage } from './stage.ts';
import { difference, isKnown, largest, type Maybe, ratio, rotated, sum } from './statistics.ts';
import { setLatency, type Subject } from './subjects.ts';
import { cpuMs, familyCpuMs, machineCpuMs, memoryOf } from './usage.ts';

/** What measuring needs. */
export interface Bench {
  stage: Stage;
  subjects: Subject[];
  simulatorUrl: string;
}

/** Runs the compilers of every process hot, and fills caches and pools, before anything counts. */
export async function warmUp(bench: Bench, seconds: number): Promise<void> {
  await setLatency(bench.simulatorUrl, 0);
  for (const subject of bench.subjects) await turnOf(bench, subject, { connections: 16, seconds });
}

export async function measureCase(bench: Bench, one: Case, options: Options): Promise<CaseResult> {
  const { rounds: count, seconds } = options;
  await setLatency(bench.simulatorUrl, one.latencyMs);
  const rounds: Round[] = [];
  for (let index = 0; index < count; index += 1) {
    const round: Round = {};
    for (const subject of rotated(bench.subjects, index)) {
      round[subject.name] = await turnOf(bench, subject, { connections: one.connections, seconds });
    }
    rounds.push(round);
  }
  return resultOf(one, rounds);
}

async function turnOf(
  bench: Bench,
  subject: Subject,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Turn> {
  const { signal, load: generator } = bench.stage;
  signal.throwIfAborted();
  const { urls, headers, hotPercent, body } = subject;
  await generator.prepare({ urls, headers, hotPercent, body, connections });
  const before = cpuOfAll(bench);
  const load = await generator.run(seconds);
  const after = cpuOfAll(bench);
  const spent = Object.fromEntries(
    Object.keys(after).map((name) => [name, difference(after[name], before[name])]),
  );
  const { machine, ...cpuMs } = spent;
  const foreignShare = foreignShareOf(machine, Object.values(cpuMs), load.elapsedMs);
  return { ...figuresOf(subject, load, cpuMs), ...countsOf(load), cpuMs, foreignShare };
}

function figuresOf(subject: Subject, load: Load, spent: Record<string, number | null>): Figures {
  const memory = subject.pids.map(memoryOf);
  return {
    sessionsPerSecond: ratio(load.sessions * 1000, load.elapsedMs),
    p50Ms: load.p50Ms,
    p95Ms: load.p95Ms,
    p99Ms: load.p99Ms,
    cpuMsPerSession: ratio(spent[subject.name], load.sessions),
    postgresMsPerSession: subject.usesDatabase ? ratio(spent['postgres'], load.sessions) : null,
    residentMb: largest(memory.map((one) => one?.residentMb)),
    peakMb: largest(memory.map((one) => one?.peakMb)),
  };
}

function foreignShareOf(all: Maybe, ours: (number | null)[], elapsedMs: number): number | null {
  const known = sum(ours);
  if (!isKnown(all) || known === null) return null;
  return Math.max(0, (all - known) / (elapsedMs * availableParallelism()));
}

function countsOf({ sessions, elapsedMs, errors }: Load): Pick<Turn, 'sessions' | 'elapsedMs' | 'errors'> {
  return { sessions, elapsedMs, errors };
}

function cpuOfAll({ subjects, stage }: Bench): Record<string, number | null> {
  const own = subjects.filter(({ pids }) => pids.length > 0);
  return {
    ...Object.fromEntries(own.map(({ name, pids }) => [name, sum(pids.map(cpuMs))] as const)),
    postgres: familyCpuMs(stage.postmasterPid),
    load: cpuMs(stage.load.pid),
    machine: machineCpuMs(),
  };
}
