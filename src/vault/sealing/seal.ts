import { constants, createCipheriv, type KeyObject, publicEncrypt, randomBytes } from 'node:crypto';
import type { SecretString } from '../../common/secret-string.ts';

const KEY_BYTES = 32;
/** Each session key encrypts once, so its nonce may be all zeros. */
const NONCE = Buffer.alloc(12);

/**
 * What kubeseal makes of a value: a session key under RSA-OAEP (SHA-256, the label being the scope), behind its length
 * in two bytes, then the value under AES-256-GCM with its tag; base64.
 * https://github.com/bitnami-labs/sealed-secrets/blob/main/pkg/crypto/crypto.go
 */
export function seal(publicKey: KeyObject, label: string, secret: SecretString): string {
  const sessionKey = randomBytes(KEY_BYTES);
  const sealedKey = publicEncrypt(
    {
      key: publicKey,
      padding: constants.RSA_PKCS1_OAEP_PADDING,
      oaepHash: 'sha256',
      oaepLabel: Buffer.from(label, 'utf8'),
    },
    sessionKey,
  );
  const length = Buffer.alloc(2);
  length.writeUInt16BE(sealedKey.length);
  const cipher = createCipheriv('aes-256-gcm', sessionKey, NONCE);
  const sealed = Buffer.concat([cipher.update(secret.reveal(), 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return Buffer.concat([length, sealedKey, sealed]).toString('base64');
}
