import type { Violation } from './checks/facts.ts';
import type { EpochResult } from './epoch.ts';
import type { Inflicted } from './inflict.ts';
import type { Ledger } from './ledger.ts';

const MOST_SHOWN = 20;

/** What a run comes to, kind by kind. */
export class Report {
  readonly #began = performance.now();
  readonly #faults = new Map<string, { inflicted: number; missed: number }>();
  readonly violations: Violation[] = [];
  #inflicted = 0;
  #epochs = 0;
  #checked = { sessions: 0, openings: 0, uses: 0, audit: 0 };
  #slowestRecoveryMs = 0;

  /** Those that struck. */
  get inflicted(): number {
    return this.#inflicted;
  }

  get seconds(): number {
    return Math.round((performance.now() - this.#began) / 1_000);
  }

  count(kind: string): number {
    return this.#faults.get(kind)?.inflicted ?? 0;
  }

  add({ evidence, violations, recoveryMs }: EpochResult): void {
    this.#epochs += 1;
    this.violations.push(...violations);
    this.#slowestRecoveryMs = Math.max(this.#slowestRecoveryMs, recoveryMs);
    for (const name of ['sessions', 'openings', 'uses', 'audit'] as const) {
      this.#checked[name] += evidence[name].length;
    }
    this.addFaults(evidence.faults);
  }

  addFaults(faults: readonly Inflicted[]): void {
    for (const { kind, missed } of faults) {
      const counts = this.#faults.get(kind) ?? { inflicted: 0, missed: 0 };
      if (missed === undefined) counts.inflicted += 1;
      else counts.missed += 1;
      this.#faults.set(kind, counts);
      if (missed === undefined) this.#inflicted += 1;
    }
  }

  table({ totals, actions }: Ledger): string {
    const { sessions, openings, uses, audit } = this.#checked;
    const missed = [...this.#faults.values()].reduce((sum, counts) => sum + counts.missed, 0);
    return [
      `faults: ${this.#inflicted} in ${this.#epochs} epochs, ${this.seconds} s`,
      ...rows([...this.#faults].map(([kind, { inflicted }]) => [kind, inflicted])),
      `  and ${missed} that found nothing to strike`,
      `answers to clients that asked for a session (0: none)`,
      ...rows(Object.entries(totals)),
      `what they did with it`,
      ...rows(Object.entries(actions)),
      `checked: ${openings} askings, ${sessions} sessions, ${audit} audit rows, ${uses} key uses, ${this.#epochs} times all chains`,
      `slowest recovery of all replicas: ${Math.round(this.#slowestRecoveryMs)} ms`,
      `violations: ${this.violations.length}`,
      ...describe(this.violations),
    ].join('\n');
  }
}

export function describe(violations: readonly Violation[]): string[] {
  const lines = violations.slice(0, MOST_SHOWN).map(({ check, what }) => `  [${check}] ${what}`);
  return violations.length > MOST_SHOWN ? [...lines, `  and ${violations.length - MOST_SHOWN} more`] : lines;
}

/** One fault a line, as it was planned and when it began. */
export function historyOf(faults: readonly Inflicted[]): string[] {
  return faults.map(({ number, kind, target, forMs, amount, began, missed }) => {
    const at = new Date(began).toISOString().slice(11);
    return `  ${at} #${number} ${kind} target=${target} for=${forMs}ms amount=${amount}${missed ? ` missed: ${missed}` : ''}`;
  });
}

function rows(counts: readonly (readonly [string, number])[]): string[] {
  return counts
    .toSorted(([, one], [, other]) => other - one)
    .map(([name, count]) => `  ${String(count).padStart(8)}  ${name}`);
}
