import type { SecretString } from '../common/secret-string.ts';
import type { ManifestProblem } from '../manifests/manifest.ts';
import type { KeyRef, ProjectKey } from './project-key.ts';
import { isTurnEntry, TurnSecret } from './turn-secret.ts';

/** Why `find` has no key for a reference. */
export interface MissingKey {
  reason: 'KeyMissing' | 'SecretNotLabelled' | 'SecretNotUnsealed';
  /** A sentence for operators; names Secrets and entries, never what is in them. */
  message: string;
}

/** Where provider keys live, and the secrets of relays beside them. Adapters keep what they watch in memory, so that reading is synchronous. */
export abstract class Vault {
  /** Begins to read and to watch; a change is seen within 1 s. */
  abstract start(): Promise<void>;
  /** Resolves once everything was read once. */
  abstract readonly loaded: Promise<void>;
  abstract stop(): void;
  /** The key as last seen; undefined without one. */
  abstract find(ref: KeyRef): ProjectKey | undefined;
  /** The secret of relays as last seen, kept and replaced as keys are; undefined without one, and for a key's entry. */
  findTurnSecret(ref: KeyRef): TurnSecret | undefined {
    const held = isTurnEntry(ref.key) ? this.find(ref) : undefined;
    return held && new TurnSecret(held);
  }
  /** Whether the store has something under a Secret's name, be it a key or not; rejects when it cannot be asked. */
  abstract holds(secretName: string): Promise<boolean>;
  /** Rejects with a 503 where it is known that no key could be stored now; before anything is done for one. */
  abstract checkWritable(): Promise<void>;
  /** Stores a key and resolves once it is read back with its fingerprint. */
  abstract put(ref: KeyRef, secret: SecretString): Promise<ProjectKey>;
  /** Removes a key and resolves once it is gone; resolves, too, when there was none. */
  abstract remove(ref: KeyRef): Promise<void>;
  /** Looks for why there is no key, where that takes more than `find`; rejects when the store cannot be asked. */
  abstract explainMissing(ref: KeyRef): Promise<MissingKey>;
  /** By the monotonic clock, in ms: what `find` returns is what the vault held then, or later. */
  abstract currentAt(): number;
  /** What is wrong with stored keys, by source and field. */
  abstract problems(): ManifestProblem[];
  /** What is wrong with this one, or with all of its Secret. */
  abstract problemOf(ref: KeyRef): ManifestProblem | undefined;
  /** Calls back after keys changed. */
  abstract onChange(listener: () => void): void;
}

/** What an HTTP header can carry; every provider’s keys are of this form. */
export const KEY_PATTERN = '^[!-~]{8,512}$';
const KEY = new RegExp(KEY_PATTERN);

/** Why a text cannot be a provider key; undefined when it can. */
export function keyProblem(text: string): string | undefined {
  return KEY.test(text) ? undefined : 'must be 8 to 512 printable ASCII characters without spaces';
}
