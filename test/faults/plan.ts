import { type FaultKind, kindOf, KINDS } from './fault-kinds.ts';
import type { Random } from './random.ts';

export interface PlannedFault {
  number: number;
  /** After the epoch's beginning, ms. */
  at: number;
  kind: FaultKind;
  /** Which of several it strikes. */
  target: number;
  forMs: number;
  amount: number;
  /** For whatever else the fault has to choose. */
  draw: number;
}

export interface PlanOptions {
  count: number;
  /** The number of the first. */
  first: number;
  perSecond: number;
  targets: number;
  without: ReadonlySet<FaultKind>;
}

/** The faults of one epoch, in time order: every kind in its share, the rest by chance. */
export function planEpoch(random: Random, options: PlanOptions): PlannedFault[] {
  const kinds = random.fork('kinds').shuffled(shares(options));
  const details = random.fork('details');
  let at = 0;
  return kinds.map((kind, index) => {
    const { forMs, amount } = kindOf(kind);
    at += -Math.log(1 - details.next()) * (1_000 / options.perSecond);
    return {
      number: options.first + index,
      at: Math.round(at),
      kind,
      target: details.integer(0, options.targets - 1),
      forMs: drawn(details, forMs),
      amount: drawn(details, amount),
      draw: details.next(),
    };
  });
}

/** As many of each kind as its share says; the largest remainders make it up to the count. */
function shares({ count, first, without }: PlanOptions): FaultKind[] {
  const kinds = (Object.keys(KINDS) as FaultKind[]).filter((kind) => !without.has(kind));
  const whole = kinds.reduce((sum, kind) => sum + kindOf(kind).share, 0);
  // By what is due in all so far, so that also the rare ones come up in short epochs.
  const due = (kind: FaultKind, upTo: number): number => Math.floor((upTo * kindOf(kind).share) / whole);
  const list = kinds.flatMap((kind) =>
    new Array<FaultKind>(due(kind, first + count) - due(kind, first)).fill(kind),
  );
  const fill = kinds.toSorted((one, other) => kindOf(other).share - kindOf(one).share);
  for (let next = 0; list.length < count; next += 1) list.push(fill[next % fill.length]!);
  return list.slice(0, count);
}

/** The cube makes large ones rare. */
function drawn(random: Random, range: readonly [number, number] | undefined): number {
  const chance = random.next();
  if (range === undefined) return 0;
  const [least, most] = range;
  return Math.round(least + (most - least) * chance ** 3);
}
