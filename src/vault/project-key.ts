import { inspect } from 'node:util';
import type { SecretString } from '../common/secret-string.ts';

/** Where a project's key is kept: a Secret's name and the entry in it. */
export interface KeyRef {
  name: string;
  key: string;
}

/**
 * A handle on one version of a project's key. Others pass it around; the bytes come out only where a provider's
 * request is written, and they stay those of this version when the key rotates meanwhile.
 */
export class ProjectKey {
  readonly fingerprint: string;
  /** Milliseconds since the epoch at which this process first held this version. */
  readonly loadedAt: number;
  /** Milliseconds since the epoch at which the vault got this version. */
  readonly changedAt: number;
  readonly #secret: SecretString;

  constructor(secret: SecretString, loadedAt: number, changedAt: number) {
    this.#secret = secret;
    this.fingerprint = secret.fingerprint();
    this.loadedAt = loadedAt;
    this.changedAt = changedAt;
  }

  /** Whether it is this version; the same object is, without a look at its bytes. */
  isOf(secret: SecretString): boolean {
    return secret === this.#secret || secret.fingerprint() === this.fingerprint;
  }

  /** The key itself. Call it after the use is committed to the audit, and put the result in a request header only. */
  reveal(): string {
    return this.#secret.reveal();
  }

  [inspect.custom](): string {
    return `ProjectKey ${this.fingerprint}`;
  }
}
