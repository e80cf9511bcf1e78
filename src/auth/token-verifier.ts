import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { unavailable } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import type { IssuerSettings } from '../config/settings.ts';
import { tokenKey } from '../projects/snapshot.ts';
import { discoverJwksUri } from './discovery.ts';
import { issuerFetch } from './issuer-http.ts';
import { isOwnIssuer, type OwnTokens } from './own-tokens.ts';

const SKEW_S = 30;
const MAX_TOKEN_LENGTH = 8_192;
const JWKS = { cooldownDuration: 30_000, cacheMaxAge: 600_000, timeoutDuration: 5_000 };

/** A token whose signature and times hold. What it may do is for the snapshot to say. */
export interface VerifiedToken {
  /** Who it speaks of, as the snapshot indexes clients: by issuer and `sub` (or clientClaim), or by service account. */
  clientKey: string;
  /** Unix seconds. */
  issuedAt: number | undefined;
}

/** The token is not one: the same for every reason. */
export class InvalidTokenError extends Error {}

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
    const iss = claimedIssuer(token);
    if (isOwnIssuer(iss)) {
      const claims = this.#own.verify(token, SKEW_S);
      if (claims === undefined) throw new InvalidTokenError();
      return this.#claims(claims, undefined, claims.sub);
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
      ...this.#times(),
      algorithms: issuer.algorithms,
      issuer: issuer.issuer,
      audience: issuer.audience,
    });
    return this.#claims(payload, issuer.issuer, payload[issuer.clientClaim]);
  }

  #times(): JWTVerifyOptions {
    return { clockTolerance: SKEW_S, currentDate: new Date(this.#clock.now()), requiredClaims: ['exp'] };
  }

  #claims(payload: JWTPayload, issuer: string | undefined, subject: unknown): VerifiedToken {
    const { iat } = payload;
    const latest = this.#clock.now() / 1000 + SKEW_S;
    if (typeof subject !== 'string' || subject === '') throw new InvalidTokenError();
    if (iat !== undefined && !(typeof iat === 'number' && iat <= latest)) throw new InvalidTokenError();
    return { clientKey: tokenKey(issuer, subject), issuedAt: iat };
  }

  /** jose keeps the keys, refreshes them once for many waiters and not again within the cooldown. */
  #keySet(issuer: IssuerSettings): JWTVerifyGetKey {
    const known = this.#keySets.get(issuer.issuer);
    if (known !== undefined) return known;
    const fetchOfIssuer = issuerFetch(this.#clock);
    // One for all who wait for it; a failed discovery is forgotten, so that a later token tries again.
    let remote: Promise<JWTVerifyGetKey> | undefined;
    const keySet: JWTVerifyGetKey = async (header, input) => {
      remote ??= discoverJwksUri(issuer, fetchOfIssuer, JWKS.timeoutDuration).then(
        (uri) => createRemoteJWKSet(uri, { ...JWKS, [customFetch]: fetchOfIssuer }),
        (error: unknown) => {
          remote = undefined;
          throw error;
        },
      );
      return (await remote)(header, input);
    };
    this.#keySets.set(issuer.issuer, keySet);
    return keySet;
  }
}

/** The `iss` of a well-formed token, read before its signature is checked: it only chooses who checks. */
function claimedIssuer(token: string): string | undefined {
  if (token.length > MAX_TOKEN_LENGTH) throw new InvalidTokenError();
  try {
    if (decodeProtectedHeader(token).crit !== undefined) throw new InvalidTokenError();
    return decodeJwt(token).iss;
  } catch {
    throw new InvalidTokenError();
  }
}

/** jose's generic error is the JWKS endpoint's answer, its time-out the endpoint's silence. */
function isTokensFault(error: unknown): boolean {
  if (error instanceof InvalidTokenError) return true;
  return (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== errors.JOSEError.code
  );
}
