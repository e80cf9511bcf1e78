import { inspect } from 'node:util';
import type { ProjectKey } from './project-key.ts';

/** Who writes a Secret says by an entry's name that it is for relays: what is told to clients must never be a key. */
const ENTRY = /^turn/;

/** Whether an entry of a Secret can be a TURN secret, by its name. */
export function isTurnEntry(key: string): boolean {
  return ENTRY.test(key);
}

/** A handle on one version of the secret that relays share with this service. The room `turn` alone reveals it. */
export class TurnSecret {
  readonly fingerprint: string;
  readonly #held: ProjectKey;

  constructor(held: ProjectKey) {
    this.fingerprint = held.fingerprint;
    this.#held = held;
  }

  /** The secret itself. Put it where a relay or its provider is asked, or, of a relay for all, into an answer. */
  reveal(): string {
    return this.#held.reveal();
  }

  [inspect.custom](): string {
    return `TurnSecret ${this.fingerprint}`;
  }
}
