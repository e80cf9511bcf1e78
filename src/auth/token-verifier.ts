import { decodeJwt, decodeProtectedHeader, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import { unavailable } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import type { IssuerSettings } from '../config/settings.ts';
import { tokenKey } from '../projects/snapshot.ts';
import { isTokensFault, keysOfIssuer, timesOf } from './issuer-keys.ts';
import { isOwnIssuer, type OwnTokens } from './own-tokens.ts';
import type { ServiceAccountVerifier } from './service-account-verifier.ts';
import { InvalidTokenError, issuedAtOf, SKEW_S, type VerifiedToken } from './verified-token.ts';

const MAX_TOKEN_LENGTH = 8_192;

/** Verifies own tokens (HS256), those of the configured OIDC issuers (asymmetric, by JWKS) and those of a cluster. */
export class TokenVerifier {
  readonly #own: OwnTokens;
  readonly #issuers: Map<string, IssuerSettings>;
  readonly #keySets = new Map<string, JWTVerifyGetKey>();
  readonly #clock: Clock;
  readonly #serviceAccounts: ServiceAccountVerifier | undefined;

  constructor(
    own: OwnTokens,
    issuers: IssuerSettings[],
    clock: Clock,
    serviceAccounts?: ServiceAccountVerifier,
  ) {
    this.#own = own;
    this.#issuers = new Map(issuers.map((issuer) => [issuer.issuer, issuer]));
    this.#clock = clock;
    this.#serviceAccounts = serviceAccounts;
  }

  /** At once, of a token of our own that was verified before and still holds; undefined for any other. */
  recall(token: string): VerifiedToken | undefined {
    const claims = this.#own.recall(token, SKEW_S);
    if (claims === undefined || !isOwnIssuer(claims.iss)) return undefined;
    try {
      return this.#verified(claims, undefined, claims.sub);
    } catch {
      // `verify` refuses it
      return undefined;
    }
  }

  /** Rejects with InvalidTokenError, or with a 503 when nobody can be asked whether it holds. */
  async verify(token: string): Promise<VerifiedToken> {
    const claimed = claimsOf(token);
    if (isOwnIssuer(claimed.iss)) return this.#verifyOwn(token);
    const issuer = this.#issuers.get(claimed.iss ?? '');
    if (issuer !== undefined) return this.#verifyForeign(token, issuer);
    if (this.#serviceAccounts?.recognizes(claimed) !== true) throw new InvalidTokenError();
    return this.#serviceAccounts.verify(token, claimed);
  }

  #verifyOwn(token: string): VerifiedToken {
    const claims = this.#own.verify(token, SKEW_S);
    if (claims === undefined) throw new InvalidTokenError();
    return this.#verified(claims, undefined, claims.sub);
  }

  async #verifyForeign(token: string, issuer: IssuerSettings): Promise<VerifiedToken> {
    try {
      return await this.#verifyByKeys(token, issuer);
    } catch (error) {
      if (isTokensFault(error)) throw new InvalidTokenError();
      throw unavailable('The token’s issuer cannot be reached.', error);
    }
  }

  async #verifyByKeys(token: string, issuer: IssuerSettings): Promise<VerifiedToken> {
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
    return {
      clientKey: tokenKey(issuer, subject),
      issuedAt: issuedAtOf(payload, this.#clock.now()),
      expiresAt: payload.exp,
    };
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
