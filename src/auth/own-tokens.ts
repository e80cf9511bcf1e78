import { createSecretKey, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { Clock } from '../common/clock.ts';
import type { SecretString } from '../common/secret-string.ts';

const ISSUER = 'vestibule';
export const MAX_TOKEN_TTL_S = 24 * 60 * 60;

export const isOwnIssuer = (iss: unknown): boolean => iss === undefined || iss === ISSUER;

/**
 * The tokens that this service signs: HS256. By the library that passport-jwt itself uses, which computes at once: for
 * so little work, WebCrypto's way through another thread costs several times the work.
 */
export class OwnTokens {
  readonly #keys: KeyObject[];
  readonly #clock: Clock;

  /** The first secret signs, all verify. */
  constructor(secrets: SecretString[], clock: Clock) {
    this.#keys = secrets.map((secret) => createSecretKey(Buffer.from(secret.reveal(), 'utf8')));
    this.#clock = clock;
  }

  /** The claims of a token whose signature, times and audience hold; undefined for any other. */
  verify(token: string, skewSeconds: number): jwt.JwtPayload | undefined {
    const options = {
      algorithms: ['HS256'] satisfies jwt.Algorithm[],
      clockTimestamp: Math.floor(this.#clock.now() / 1000),
      clockTolerance: skewSeconds,
    };
    for (const key of this.#keys) {
      try {
        const claims = jwt.verify(token, key, options);
        return typeof claims === 'object' && isComplete(claims) ? claims : undefined;
      } catch {
        // the next key may have signed it
      }
    }
    return undefined;
  }

  /** `ttlSeconds` is at most MAX_TOKEN_TTL_S. */
  sign(subject: string, ttlSeconds: number): string {
    const [key] = this.#keys;
    if (key === undefined) throw new TypeError('there is no JWT secret');
    const iat = Math.floor(this.#clock.now() / 1000);
    const claims = { iss: ISSUER, aud: ISSUER, sub: subject, iat, exp: iat + ttlSeconds };
    return jwt.sign(claims, key, { algorithm: 'HS256' });
  }
}

/** A list of one is the same audience (RFC 7519 §4.1.3). */
function isComplete({ exp, aud }: jwt.JwtPayload): boolean {
  const [first, ...others] = [aud === undefined ? ISSUER : aud].flat();
  return typeof exp === 'number' && first === ISSUER && others.length === 0;
}
