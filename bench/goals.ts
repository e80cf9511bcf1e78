import type { CaseResult, Ratios } from './measure.ts';
import { isKnown, largest, type Maybe } from './statistics.ts';

/** What the service is held to; see docs/performance.md for why. */
const MIN_THROUGHPUT_RATIO = 0.4;
const MAX_P99_RATIO = 3;
const MAX_ADDED_P50_RATIO = 4;
const MAX_RESIDENT_MB = 220;

export interface Verdict {
  text: string;
  /** Null: it was not measured in this run. */
  met: boolean | null;
}

export function verdictsOf(cases: CaseResult[]): Verdict[] {
  return [
    throughput(ratiosAt(cases, 0, 64)),
    tail(ratiosAt(cases, 0, 64)),
    addedLatency(ratiosAt(cases, 30, 16)),
    resident(cases),
    {
      text: 'every answer was a session',
      met: cases.every(({ errors }) => Object.keys(errors).length === 0),
    },
  ];
}

function throughput(ratios: Ratios | undefined): Verdict {
  const value = ratios?.sessionsPerSecond;
  return {
    text: `64 connections, 0 ms: sessions/s c/b = ${shown(value)} (goal >= ${MIN_THROUGHPUT_RATIO})`,
    met: judged(value, (found) => found >= MIN_THROUGHPUT_RATIO),
  };
}

function tail(ratios: Ratios | undefined): Verdict {
  const value = ratios?.p99;
  return {
    text: `64 connections, 0 ms: p99 c/b = ${shown(value)} (goal <= ${MAX_P99_RATIO})`,
    met: judged(value, (found) => found <= MAX_P99_RATIO),
  };
}

function addedLatency(ratios: Ratios | undefined): Verdict {
  const [service, forwarder] = [shown(ratios?.serviceAddsP50Ms), shown(ratios?.forwarderAddsP50Ms)];
  const value = ratios?.addedP50;
  return {
    text:
      `16 connections, 30 ms: added p50 of c over a = ${service} ms, of b over a = ${forwarder} ms,` +
      ` ratio ${shown(value)} (goal <= ${MAX_ADDED_P50_RATIO})`,
    met: judged(value, (found) => found <= MAX_ADDED_P50_RATIO),
  };
}

function resident(cases: CaseResult[]): Verdict {
  const value = largest(cases.map(({ medians }) => medians['service']?.residentMb));
  return {
    text: `RSS of the service ${shown(value, 0)} MB (goal <= ${MAX_RESIDENT_MB})`,
    met: judged(value, (most) => most <= MAX_RESIDENT_MB),
  };
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
