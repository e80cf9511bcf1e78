import { KINDS, type FaultKind } from './fault-kinds.ts';
import { planEpoch, type PlannedFault, type PlanOptions } from './plan.ts';
import { Random } from './random.ts';

const plan = (seed: string, options: Partial<PlanOptions> = {}): PlannedFault[] =>
  planEpoch(new Random(seed), {
    count: 400,
    first: 1,
    perSecond: 6,
    targets: 3,
    without: new Set(),
    ...options,
  });

describe('the plan of an epoch', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(plan('7')).toEqual(plan('7'));
    expect(plan('7')).not.toEqual(plan('8'));
  });

  it('has as many faults as asked for, in time order and at the rate', () => {
    const faults = plan('7');
    expect(faults.map(({ number }) => number)).toEqual(Array.from({ length: 400 }, (_, index) => index + 1));
    expect(faults.map(({ at }) => at)).toEqual(
      faults.map(({ at }) => at).toSorted((one, other) => one - other),
    );
    expect(faults.at(-1)!.at).toBeGreaterThan(45_000);
    expect(faults.at(-1)!.at).toBeLessThan(95_000);
  });

  it('comes to every kind in its share over many epochs, and to at least one service in twenty killed', () => {
    const counts = new Map<FaultKind, number>();
    for (let first = 1; first < 10_000; first += 400) {
      for (const { kind } of plan(String(first), { first })) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    for (const kind of Object.keys(KINDS) as FaultKind[]) expect(counts.get(kind)).toBeGreaterThan(20);
    expect(counts.get('service-kill')).toBeGreaterThan(500);
  });

  it('leaves out what cannot be done here', () => {
    expect(plan('7', { without: new Set<FaultKind>(['disk-full']) })).toHaveLength(400);
    expect(plan('7', { without: new Set<FaultKind>(['disk-full']) }).map(({ kind }) => kind)).not.toContain(
      'disk-full',
    );
  });
});
