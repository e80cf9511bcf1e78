import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';

export type Algorithm = 'RS256' | 'PS256' | 'ES256' | 'EdDSA';

/** A private key that an issuer signs tokens with, made at run time. */
export interface SigningKey {
  alg: Algorithm;
  kid: string;
  privateKey: KeyObject;
}

export function aSigningKey(alg: Algorithm): SigningKey {
  const { privateKey } =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : alg === 'EdDSA'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { alg, kid: randomBytes(8).toString('hex'), privateKey };
}

export function publicJwk({ alg, kid, privateKey }: SigningKey): JsonWebKey {
  return { ...createPublicKey(privateKey).export({ format: 'jwk' }), alg, kid, use: 'sig' };
}

/** A part of a token. */
export function encode(part: unknown): string {
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
}

/** A token of these claims, whatever they are. */
export function signed(
  { alg, kid, privateKey }: SigningKey,
  claims: Record<string, unknown>,
  header: Record<string, unknown> = {},
): string {
  const input = `${encode({ alg, kid, ...header })}.${encode(claims)}`;
  return `${input}.${signature(alg, privateKey, input)}`;
}

function signature(alg: Algorithm, key: KeyObject, input: string): string {
  const bytes = Buffer.from(input);
  const options = {
    RS256: { key },
    PS256: { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 },
    ES256: { key, dsaEncoding: 'ieee-p1363' as const },
    EdDSA: { key },
  }[alg];
  return sign(alg === 'EdDSA' ? null : 'sha256', bytes, options).toString('base64url');
}
