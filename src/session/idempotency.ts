import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import canonicalize from 'canonicalize';

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * One use of an Idempotency-Key: the database sees only hashes, and the answer under a key that the
 * Idempotency-Key itself derives, so that a dump of the database opens no answer.
 */
export class Idempotency {
  readonly keyHash: string;
  readonly bodyHash: string;
  readonly #encryptionKey: Buffer;

  constructor(scope: readonly string[], key: string, body: readonly unknown[]) {
    const scoped = JSON.stringify([...scope, key]);
    this.keyHash = createHash('sha256').update(`vestibule idempotency\0${scoped}`).digest('hex');
    this.bodyHash = createHash('sha256')
      .update(canonicalize(body) ?? '')
      .digest('hex');
    this.#encryptionKey = Buffer.from(hkdfSync('sha256', scoped, '', 'vestibule idempotency answer', 32));
  }

  /** Hex of nonce, tag and ciphertext. */
  seal(answer: unknown): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#encryptionKey, nonce);
    const text = Buffer.concat([cipher.update(JSON.stringify(answer), 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('hex');
  }

  open(sealed: Buffer): unknown {
    const decipher = createDecipheriv(ALGORITHM, this.#encryptionKey, sealed.subarray(0, NONCE_BYTES));
    decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    const text = Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
    return JSON.parse(text.toString('utf8'));
  }
}
