import { createHash } from 'node:crypto';
import { inspect } from 'node:util';

const REDACTED = '[secret]';

/**
 * Text that must not leave the process by accident: printing, logging, serialising, concatenating, cloning or
 * inspecting it yields `[secret]`. `reveal()` is the only way to the text, and lint allows it in few files.
 */
export class SecretString {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
    Object.freeze(this);
  }

  reveal(): string {
    return this.#text;
  }

  /** `sha256:` and the first 16 hex digits of the text's SHA-256: names a secret without telling it. */
  fingerprint(): string {
    return `sha256:${createHash('sha256').update(this.#text, 'utf8').digest('hex').slice(0, 16)}`;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.toPrimitive](): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
