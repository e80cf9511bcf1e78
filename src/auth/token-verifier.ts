import { decodeJwt, decodeProtectedHeader, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { unavailable } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import type { IssuerSettings } from '../config/settings.ts';
import { tokenKey } from '../projects/snapshot.ts';
import { isTokensFault, keysOfIssuer, timesOf } from './issuer-keys.ts';
import { isOwnIssuer, type OwnTokens } from './own-tokens.ts';
import { InvalidTokenError, issuedAtOf, SKEW_S, type VerifiedToken } from './verified-token.ts';

const MAX_TOKEN_LENGTH = 8_192;

/** Verifies own tokens (HS256) and those of the configured OIDC issuers (asymmetric, by JWKS). */
export class TokenVerifier {
  readonly #own: OwnTokens;
  readonly #issuers: Map<string, IssuerSettings>;
  readonly #keySets = new Map<string, JWTVerifyGetKey>();
  readonly #clock: Clock;

  constructor(own: OwnTokens, issuers: IssuerSettings[], clock: Clock) {
    this.#own = own;
    this.#issuers = new Map(issuers.map((issuer) => [issuer.issuer, issuer]));
    this.#clock = clock;
  }

  /** Rejects with InvalidTokenError, or with a 503 when the issuer's keys cannot be had. */
  async verify(token: string): Promise<VerifiedToken> {
    const { iss } = claimsOf(token);
    if (isOwnIssuer(iss)) {
      const claims = this.#own.verify(token, SKEW_S);
      if (claims === undefined) throw new InvalidTokenError();
      return this.#verified(claims, undefined, claims.sub);
    }
    const issuer = this.#issuers.get(iss ?? '');
    if (issuer === undefined) throw new InvalidTokenError();
    try {
      return await this.#verifyForeign(token, issuer);
    } catch (error) {
      if (isTokensFault(error)) throw new InvalidTokenError();
      throw unavailable('The token’s issuer cannot be reached.', error);
    }
  }

  async #verifyForeign(token: string, issuer: IssuerSettings): Promise<VerifiedToken> {
    const { payload } = await jwtVerify(token, this.#keySet(issuer), {
      ...timesOf(this.#clock),
      algorithms: issuer.algorithms,
      issuer: issuer.issuer,
      audience: issuer.audience,
    });
    return this.#verified(payload, issuer.issuer, payload[issuer.clientClaim]);
  }

  #verified(payload: JWTPayload, issuer: string | undefined, subject: unknown): VerifiedToken {
    if (typeof subject !== 'string' || subject === '') throw new InvalidTokenError();
    return { clientKey: tokenKey(issuer, subject), issuedAt: issuedAtOf(payload, this.#clock.now()) };
  }

  #keySet(issuer: IssuerSettings): JWTVerifyGetKey {
    const keySet = this.#keySets.get(issuer.issuer) ?? keysOfIssuer(issuer, this.#clock);
    this.#keySets.set(issuer.issuer, keySet);
    return keySet;
  }
}

/** The claims of a well-formed token, read before its signature is checked: they only choose who checks. */
function claimsOf(token: string): JWTPayload {
  if (token.length > MAX_TOKEN_LENGTH) throw new InvalidTokenError();
  try {
    if (decodeProtectedHeader(token).crit !== undefined) throw new InvalidTokenError();
    return decodeJwt(token);
  } catch {
    throw new InvalidTokenError();
  }
}
