import type { CaseResult, Comparison, Figures } from './figures.ts';
import { verdictsOf } from './goals.ts';

const FEW_CORES = 2;
const MANY_CORES = 16;
const NOTHING_ADDED = { serviceMs: 1, forwarderMs: 1, ratio: 1 };

function aCase(parts: Partial<CaseResult> = {}, ratios: Partial<CaseResult['ratios']> = {}): CaseResult {
  return {
    latencyMs: 0,
    connections: 64,
    rounds: [],
    medians: { service: { residentMb: 200 } as Figures },
    ratios: { sessionsPerSecond: 1, p99: 1, addedP50: NOTHING_ADDED, addedP99: NOTHING_ADDED, ...ratios },
    comparisons: {},
    foreignShare: 0,
    errors: {},
    ...parts,
  };
}

function missed(cases: CaseResult[], cores = MANY_CORES): string[] {
  return verdictsOf(cases, cores).flatMap(({ met, text }) => (met === false ? [text] : []));
}

function compared(name: string, comparison: Partial<Comparison>): CaseResult {
  return aCase({ comparisons: { [name]: { sessionsPerSecond: 1, p99: 1, cpu: 1, ...comparison } } });
}

describe('verdictsOf', () => {
  it('misses nothing where the service is as the forwarder', () => {
    const cases = [0, 30].flatMap((latencyMs) =>
      [16, 64].map((connections) => aCase({ latencyMs, connections })),
    );
    expect(verdictsOf(cases, MANY_CORES).every(({ met }) => met)).toBe(true);
  });

  it('holds throughput and tail at 0 ms to their bounds, at 16 connections and at 64', () => {
    for (const connections of [16, 64]) {
      const at = (sessionsPerSecond: number, p99: number): number =>
        missed([aCase({ connections }, { sessionsPerSecond, p99 })]).length;
      expect([at(0.7, 2), at(0.69, 2), at(0.7, 2.01)]).toEqual([0, 1, 1]);
    }
  });

  it('holds what is added at 30 ms to its bound, in the middle and in the tail', () => {
    const at = (p50: number, p99: number): number => {
      const added = (ratio: number) => ({ serviceMs: 1, forwarderMs: 1, ratio });
      const ratios = { addedP50: added(p50), addedP99: added(p99) };
      return missed([aCase({ latencyMs: 30, connections: 16 }, ratios)]).length;
    };
    expect([at(2.5, 2.5), at(2.6, 2.5), at(2.5, 2.6)]).toEqual([0, 1, 1]);
  });

  it('does not call met what was not measured', () => {
    const unmeasured = verdictsOf([aCase({ connections: 16 })], MANY_CORES).filter(({ met }) => met === null);
    expect(unmeasured.map(({ text }) => /^(\d+ connections, \d+ ms)/.exec(text)?.[1])).toEqual([
      '64 connections, 0 ms',
      '64 connections, 0 ms',
      '16 connections, 30 ms',
      '16 connections, 30 ms',
      '64 connections, 30 ms',
      '64 connections, 30 ms',
    ]);
  });

  it('judges several processes only where they have cores of their own', () => {
    const slow = compared('service-processes', { sessionsPerSecond: 1.5 });
    expect(missed([slow], MANY_CORES)).toHaveLength(1);
    expect(missed([slow], FEW_CORES)).toEqual([]);
    expect(missed([compared('service-processes', { sessionsPerSecond: 1.6 })], MANY_CORES)).toEqual([]);
  });

  it('wants cost and tail flat in whatever grows', () => {
    expect(missed([compared('service-filled', { cpu: 1.1, p99: 1.2 })])).toEqual([]);
    expect(missed([compared('service-filled', { cpu: 1.2 })])[0]).toMatch(/service-filled: CPU/);
    expect(missed([compared('service-projects', { p99: 1.4 })])[0]).toMatch(/service-projects: p99/);
  });

  it('takes no answer for a session that was none, and no more memory than is given', () => {
    expect(missed([aCase({ errors: { service: 1 } })])).toEqual(['every answer was a session']);
    expect(missed([aCase({ medians: { service: { residentMb: 261 } as Figures } })])[0]).toMatch(/^RSS/);
  });
});
