import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { SecretString } from '../common/secret-string.ts';
import { PEM } from '../config/settings.ts';
import { type SignedHead, signedText, type UnsignedHead } from './signed-head.ts';

export type Judgement = 'valid' | 'invalid' | 'unknown';

/** Public keys by which signed heads are verified. */
export class VerifyingKeys {
  /** Whether these are all keys that there can be: whoever signed with another one had no right to. */
  readonly all: boolean;
  readonly #keys: ReadonlyMap<string, KeyObject>;

  constructor(keys: readonly KeyObject[], { all }: { all: boolean }) {
    this.all = all;
    this.#keys = new Map(keys.map((key) => [fingerprintOf(key), key]));
  }

  /** Unknown: signed by a key that is not among these. */
  judge(head: SignedHead): Judgement {
    const key = this.#keys.get(head.key);
    if (key === undefined) return 'unknown';
    const signature = Buffer.from(head.signature, 'base64');
    return verify(null, Buffer.from(signedText(head), 'utf8'), key, signature) ? 'valid' : 'invalid';
  }
}

export const NO_KEYS = new VerifyingKeys([], { all: false });

/** Signs heads; the first of the keys signs, all verify. */
export class HeadSigner {
  readonly #key: KeyObject;
  readonly #fingerprint: string;

  constructor(keys: SecretString) {
    const [first = ''] = keys.reveal().match(PEM) ?? [];
    this.#key = createPrivateKey(first);
    this.#fingerprint = fingerprintOf(createPublicKey(this.#key));
  }

  sign({ kind, time, heads }: UnsignedHead): SignedHead {
    const signature = sign(null, Buffer.from(signedText({ kind, time, heads }), 'utf8'), this.#key);
    return { v: 1, kind, time, heads, key: this.#fingerprint, signature: signature.toString('base64') };
  }
}

/** Of a PEM text with one or more keys, public or private; throws on anything else. */
export function verifyingKeys(text: string): VerifyingKeys {
  const keys = text.match(PEM)?.map((pem) => createPublicKey(pem));
  if (keys === undefined || keys.some(({ asymmetricKeyType }) => asymmetricKeyType !== 'ed25519')) {
    throw new Error('there are no Ed25519 keys in PEM form');
  }
  return new VerifyingKeys(keys, { all: true });
}

/** Those of the settings; keys that were generated for one machine need not be all. */
export function configuredKeys(keys: SecretString, { all }: { all: boolean }): VerifyingKeys {
  const publicKeys = (keys.reveal().match(PEM) ?? []).map((pem) => createPublicKey(pem));
  return new VerifyingKeys(publicKeys, { all });
}

function fingerprintOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(der).digest('hex').slice(0, 16)}`;
}
