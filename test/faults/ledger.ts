import type { OpeningFact } from './checks/facts.ts';
import { outcomeOf } from './checks/answers.ts';

/** What clients asked and were told since the last check. */
export class Ledger {
  #openings: OpeningFact[] = [];
  #byOutcome: Record<string, number> = {};
  readonly totals: Record<string, number> = {};
  readonly actions: Record<string, number> = {};

  get openings(): readonly OpeningFact[] {
    return this.#openings;
  }

  /** Since the last check. */
  get outcomes(): Readonly<Record<string, number>> {
    return this.#byOutcome;
  }

  opened(opening: OpeningFact): void {
    this.#openings.push(opening);
    const outcome = outcomeOf(opening);
    this.#byOutcome[outcome] = (this.#byOutcome[outcome] ?? 0) + 1;
    this.totals[outcome] = (this.totals[outcome] ?? 0) + 1;
  }

  did(action: string, status: number): void {
    const name = `${action} ${status}`;
    this.actions[name] = (this.actions[name] ?? 0) + 1;
  }

  forget(): void {
    this.#openings = [];
    this.#byOutcome = {};
  }
}
