import { constants, createDecipheriv, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import { aKey } from '../../../test/support/manifests.ts';
import { SecretString } from '../../common/secret-string.ts';
import { seal } from './seal.ts';

const TAG_BYTES = 16;
const LABEL = 'vestibule-keys/shop-key';
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

interface Parts {
  sealedKey: Buffer;
  content: Buffer;
  tag: Buffer;
}

function partsOf(sealed: string): Parts {
  const bytes = Buffer.from(sealed, 'base64');
  const end = 2 + bytes.readUInt16BE(0);
  const [content, tag] = [bytes.subarray(end, -TAG_BYTES), bytes.subarray(-TAG_BYTES)];
  return { sealedKey: bytes.subarray(2, end), content, tag };
}

function sessionKeyOf(sealed: string, label = LABEL): Buffer {
  const oaep = {
    padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: 'sha256',
    oaepLabel: Buffer.from(label),
  };
  return privateDecrypt({ key: privateKey, ...oaep }, partsOf(sealed).sealedKey);
}

/** As the sealed-secrets controller does it. */
function unseal(sealed: string, label = LABEL): string {
  const { content, tag } = partsOf(sealed);
  const decipher = createDecipheriv('aes-256-gcm', sessionKeyOf(sealed, label), Buffer.alloc(12));
  decipher.setAuthTag(tag);
  return Buffer.concat([decipher.update(content), decipher.final()]).toString('utf8');
}

describe('sealing', () => {
  it.each([
    ['a key', aKey()],
    ['a key of another length', `${aKey()}${aKey()}`],
    ['other scripts', 'ключ 鍵 🔑'],
  ])('is undone by the private key: %s', (_what, text) => {
    expect(unseal(seal(publicKey, LABEL, new SecretString(text)))).toBe(text);
  });

  it.each(['', 'vestibule-keys', 'vestibule-keys/other-key', 'elsewhere/shop-key'])(
    'is not undone for another scope: %j',
    (label) => {
      const sealed = seal(publicKey, LABEL, new SecretString(aKey()));
      expect(() => unseal(sealed, label)).toThrow();
    },
  );

  it('is not undone by another private key', () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const sealed = seal(other.publicKey, LABEL, new SecretString(aKey()));
    expect(() => unseal(sealed)).toThrow();
  });

  it('has a wide scope, if so wanted, without a label', () => {
    const key = aKey();
    expect(unseal(seal(publicKey, '', new SecretString(key)), '')).toBe(key);
  });

  it('takes a new session key each time, since its nonce is always the same', () => {
    const secret = new SecretString(aKey());
    const sealed = Array.from({ length: 20 }, () => seal(publicKey, LABEL, secret));
    expect(new Set(sealed.map((one) => sessionKeyOf(one).toString('hex'))).size).toBe(20);
    expect(new Set(sealed.map((one) => partsOf(one).content.toString('hex'))).size).toBe(20);
  });

  it('is, in base64, the length of the sealed session key, that key, the text and its tag', () => {
    const key = aKey();
    const sealed = seal(publicKey, LABEL, new SecretString(key));
    expect(sealed).toMatch(/^[A-Za-z0-9+/]+=*$/);
    const bytes = Buffer.from(sealed, 'base64');
    expect(bytes.readUInt16BE(0)).toBe(256);
    expect(bytes).toHaveLength(2 + 256 + key.length + TAG_BYTES);
    expect(sessionKeyOf(sealed)).toHaveLength(32);
    expect(bytes.includes(key)).toBe(false);
  });

  it('shows when a byte of it was changed', () => {
    const bytes = Buffer.from(seal(publicKey, LABEL, new SecretString(aKey())), 'base64');
    bytes[258]! ^= 1;
    expect(() => unseal(bytes.toString('base64'))).toThrow();
  });
});
