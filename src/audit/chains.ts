import type { Clock } from '../common/clock.ts';
import { newChainId } from '../common/ids.ts';

/** The chains that this process writes, so that their heads can be signed. */
export class Chains {
  readonly #clock: Clock;
  readonly #ids: string[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A new chain, for one writer. */
  open(): string {
    const id = newChainId(this.#clock.now());
    this.#ids.push(id);
    return id;
  }

  get ids(): readonly string[] {
    return this.#ids;
  }
}
