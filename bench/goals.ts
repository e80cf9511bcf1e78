import type { Added, CaseResult, Comparison, Ratios } from './figures.ts';
import { isKnown, largest, type Maybe } from './statistics.ts';

/** What the service is held to; see docs/performance.md for why. */
const MIN_THROUGHPUT_RATIO = 0.7;
const AIMED_THROUGHPUT_RATIO = 1;
const MAX_P99_RATIO = 2;
const MAX_ADDED_RATIO = 2.5;
const MAX_RESIDENT_MB = 260;
const JUDGED_CONNECTIONS = [16, 64];
const SLOW_PROVIDER_MS = 30;
/** Of a setting beside (c). */
const MIN_TWO_PROCESSES_RATIO = 1.6;
const MAX_FLAT_CPU_RATIO = 1.15;
const MAX_FLAT_P99_RATIO = 1.3;
/** Beside the processes of the service, which need one each: load generator, simulator, PostgreSQL. */
const OTHERS = 3;

export interface Verdict {
  text: string;
  /** Null: it was not measured in this run. */
  met: boolean | null;
}

export function verdictsOf(cases: CaseResult[], cores: number): Verdict[] {
  return [
    ...JUDGED_CONNECTIONS.flatMap((connections) => servedLike(cases, connections)),
    ...JUDGED_CONNECTIONS.flatMap((connections) => addsLittle(cases, connections)),
    resident(cases),
    {
      text: 'every answer was a session',
      met: cases.every(({ errors }) => Object.keys(errors).length === 0),
    },
    ...cases.flatMap((one) => settingsOf(one, cores)),
  ];
}

/** How many cores it takes until so many processes of the service can do more than one. */
export function coresFor(processes: number): number {
  return processes + OTHERS;
}

function servedLike(cases: CaseResult[], connections: number): Verdict[] {
  const ratios = ratiosAt(cases, 0, connections);
  const [sessions, p99] = [ratios?.sessionsPerSecond, ratios?.p99];
  return [
    {
      text:
        `${connections} connections, 0 ms: sessions/s c/b = ${shown(sessions)}` +
        ` (goal >= ${MIN_THROUGHPUT_RATIO}, aimed at ${AIMED_THROUGHPUT_RATIO.toFixed(1)})`,
      met: judged(sessions, (found) => found >= MIN_THROUGHPUT_RATIO),
    },
    {
      text: `${connections} connections, 0 ms: p99 c/b = ${shown(p99)} (goal <= ${MAX_P99_RATIO})`,
      met: judged(p99, (found) => found <= MAX_P99_RATIO),
    },
  ];
}

function addsLittle(cases: CaseResult[], connections: number): Verdict[] {
  const ratios = ratiosAt(cases, SLOW_PROVIDER_MS, connections);
  const verdict = (name: string, added: Added | undefined): Verdict => ({
    text:
      `${connections} connections, ${SLOW_PROVIDER_MS} ms: added ${name} of c over a = ${shown(added?.serviceMs)} ms,` +
      ` of b over a = ${shown(added?.forwarderMs)} ms, ratio ${shown(added?.ratio)} (goal <= ${MAX_ADDED_RATIO})`,
    met: judged(added?.ratio, (found) => found <= MAX_ADDED_RATIO),
  });
  return [verdict('p50', ratios?.addedP50), verdict('p99', ratios?.addedP99)];
}

function resident(cases: CaseResult[]): Verdict {
  const value = largest(cases.map(({ medians }) => medians['service']?.residentMb));
  return {
    text: `RSS of the service ${shown(value, 0)} MB (goal <= ${MAX_RESIDENT_MB})`,
    met: judged(value, (most) => most <= MAX_RESIDENT_MB),
  };
}

/** Of a case: whether several processes bring more, and whether what grows leaves cost and tail as they are. */
function settingsOf({ comparisons, connections, latencyMs }: CaseResult, cores: number): Verdict[] {
  const where = `${connections} connections, ${latencyMs} ms`;
  return Object.entries(comparisons).flatMap(([name, found]) => {
    if (name.startsWith('forwarder-')) return [];
    if (name === 'service-processes') return latencyMs === 0 ? manyProcesses(where, found, cores) : [];
    return flat(`${where}: ${name}`, found);
  });
}

/** Nothing to judge where processes have no cores of their own. */
function manyProcesses(where: string, { sessionsPerSecond }: Comparison, cores: number): Verdict[] {
  if (cores < coresFor(2)) return [];
  return [
    {
      text: `${where}: sessions/s of several processes/one = ${shown(sessionsPerSecond)} (goal >= ${MIN_TWO_PROCESSES_RATIO})`,
      met: judged(sessionsPerSecond, (found) => found >= MIN_TWO_PROCESSES_RATIO),
    },
  ];
}

function flat(where: string, { cpu, p99 }: Comparison): Verdict[] {
  return [
    {
      text: `${where}: CPU a session, beside (c) = ${shown(cpu)} (goal <= ${MAX_FLAT_CPU_RATIO})`,
      met: judged(cpu, (found) => found <= MAX_FLAT_CPU_RATIO),
    },
    {
      text: `${where}: p99, beside (c) = ${shown(p99)} (goal <= ${MAX_FLAT_P99_RATIO})`,
      met: judged(p99, (found) => found <= MAX_FLAT_P99_RATIO),
    },
  ];
}

function ratiosAt(cases: CaseResult[], latencyMs: number, connections: number): Ratios | undefined {
  return cases.find((one) => one.latencyMs === latencyMs && one.connections === connections)?.ratios;
}

function judged(value: Maybe, isMet: (value: number) => boolean): boolean | null {
  return isKnown(value) ? isMet(value) : null;
}

function shown(value: Maybe, digits = 2): string {
  return isKnown(value) ? value.toFixed(digits) : '-';
}
