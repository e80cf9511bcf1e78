import { createSecretKey, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import type { Clock } from '../common/clock.ts';
import { memo } from '../common/memo.ts';
import type { SecretString } from '../common/secret-string.ts';

const ISSUER = 'vestibule';
export const MAX_TOKEN_TTL_S = 24 * 60 * 60;

export const isOwnIssuer = (iss: unknown): boolean => iss === undefined || iss === ISSUER;

/** Tokens of which it is remembered that they are signed: a client brings its own with every request. */
const MAX_KEPT_TOKENS = 1_000;

/**
 * The tokens that this service signs: HS256. By the library that passport-jwt itself uses, which computes at once: for
 * so little work, WebCrypto's way through another thread costs several times the work.
 */
export class OwnTokens {
  readonly #keys: KeyObject[];
  readonly #clock: Clock;
  /** The secrets are those of the process, so a signature that held once holds; times are looked at every time. */
  readonly #signedClaims = memo(MAX_KEPT_TOKENS, (token) => this.#checkSignature(token));

  /** The first secret signs, all verify. */
  constructor(secrets: SecretString[], clock: Clock) {
    this.#keys = secrets.map((secret) => createSecretKey(Buffer.from(secret.reveal(), 'utf8')));
    this.#clock = clock;
  }

  /** The claims of a token whose signature, times and audience hold; undefined for any other. */
  verify(token: string, skewSeconds: number): jwt.JwtPayload | undefined {
    const claims = this.#signedClaims(token);
    return claims && this.#holds(claims, skewSeconds) ? claims : undefined;
  }

  /** Like `verify`, of a token whose signature is remembered; undefined for any other, which is not looked at. */
  recall(token: string, skewSeconds: number): jwt.JwtPayload | undefined {
    const claims = this.#signedClaims.recall(token);
    return claims && this.#holds(claims, skewSeconds) ? claims : undefined;
  }

  #holds(claims: jwt.JwtPayload, skewSeconds: number): boolean {
    if (!isOwnAudience(claims.aud)) return false;
    const now = Math.floor(this.#clock.now() / 1000);
    const { exp, nbf = now } = claims;
    // They are what somebody wrote, whatever the type says.
    if (!Number.isFinite(exp) || !Number.isFinite(nbf)) return false;
    return now < Number(exp) + skewSeconds && nbf <= now + skewSeconds;
  }

  #checkSignature(token: string): jwt.JwtPayload | undefined {
    for (const key of this.#keys) {
      try {
        const { header, payload } = jwt.verify(token, key, {
          algorithms: ['HS256'],
          ignoreExpiration: true,
          ignoreNotBefore: true,
          complete: true,
        });
        return typeof payload === 'object' && header.crit === undefined ? Object.freeze(payload) : undefined;
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

/** Absent or `vestibule`; a list of one is the same audience (RFC 7519 §4.1.3). */
function isOwnAudience(audience: unknown): boolean {
  if (audience === undefined) return true;
  if (audience === ISSUER) return true;
  return Array.isArray(audience) && audience.length === 1 && audience[0] === ISSUER;
}
