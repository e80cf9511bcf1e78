import { createHash, timingSafeEqual } from 'node:crypto';
import type { SecretString } from '../common/secret-string.ts';

/** The admin keys. A presented one is compared with each, in a time that tells nothing. */
export class AdminKeys {
  readonly #keys: { digest: Buffer; fingerprint: string }[];

  constructor(keys: SecretString[]) {
    this.#keys = keys.map((key) => ({ digest: digest(key.reveal()), fingerprint: key.fingerprint() }));
  }

  /** The matching key's fingerprint; undefined when none matches. */
  identify(presented: string): string | undefined {
    const given = digest(presented);
    let found: string | undefined;
    for (const key of this.#keys) {
      if (timingSafeEqual(key.digest, given)) found = key.fingerprint;
    }
    return found;
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
