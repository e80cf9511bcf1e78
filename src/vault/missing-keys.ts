import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import type { KeyRef } from './project-key.ts';
import type { MissingKey, Vault } from './vault.ts';

/** A reason is looked for again after this time, since nothing tells when it becomes another. */
const FRESH_MS = 4_000;
/** Of so many missing keys that looking for all would be a load, each waits its turn: about five a second. */
const FRESH_MS_A_KEY = 200;

interface Explanation {
  missing: MissingKey;
  at: number;
}

/** Why keys are missing, as found by asking; remembered for a while. */
export class MissingKeys {
  readonly #vault: Vault;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #known = new Map<string, Explanation>();

  constructor(vault: Vault, clock: Clock, logger: Logger) {
    this.#vault = vault;
    this.#clock = clock;
    this.#logger = logger;
  }

  isStale(ref: KeyRef): boolean {
    const known = this.#known.get(idOf(ref));
    const freshMs = Math.max(FRESH_MS, this.#known.size * FRESH_MS_A_KEY);
    return known === undefined || this.#clock.monotonic() - known.at >= freshMs;
  }

  known(ref: KeyRef): MissingKey | undefined {
    return this.#known.get(idOf(ref))?.missing;
  }

  /** The key is there. */
  forget(ref: KeyRef): void {
    this.#known.delete(idOf(ref));
  }

  /** Forgets all but these: what nobody asks for any more would count as missing for ever. */
  retain(refs: readonly KeyRef[]): void {
    const wanted = new Set(refs.map(idOf));
    for (const id of this.#known.keys()) if (!wanted.has(id)) this.#known.delete(id);
  }

  /** Asks the vault unless it was asked a moment ago; undefined when it cannot say. */
  async explain(ref: KeyRef): Promise<MissingKey | undefined> {
    if (!this.isStale(ref)) return this.known(ref);
    try {
      const missing = await this.#vault.explainMissing(ref);
      this.#known.set(idOf(ref), { missing, at: this.#clock.monotonic() });
      return missing;
    } catch (error) {
      this.#logger.debug({ err: error }, 'the vault cannot say why a key is missing');
      return this.known(ref);
    }
  }
}

function idOf({ name, key }: KeyRef): string {
  return `${name}/${key}`;
}
