import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey, type JWTVerifyOptions } from 'jose';
import type { Clock } from '../common/clock.ts';
import type { IssuerSettings } from '../config/settings.ts';
import { discoverJwksUri } from './discovery.ts';
import { type Fetch, issuerFetch } from './issuer-http.ts';
import { InvalidTokenError, SKEW_S } from './verified-token.ts';

export const JWKS = { cooldownDuration: 30_000, cacheMaxAge: 600_000, timeoutDuration: 5_000 };

/** Keys as they are published. jose keeps them, refreshes them once for many waiters and not again within the cooldown. */
export function publishedKeys(uri: URL, ask: Fetch): JWTVerifyGetKey {
  return createRemoteJWKSet(uri, { ...JWKS, [customFetch]: ask });
}

/** The keys of a configured issuer, which is asked once the first token needs them. */
export function keysOfIssuer(issuer: IssuerSettings, clock: Clock): JWTVerifyGetKey {
  const ask = issuerFetch(clock);
  // One for all who wait for it; a failed discovery is forgotten, so that a later token tries again.
  let remote: Promise<JWTVerifyGetKey> | undefined;
  return async (header, input) => {
    remote ??= discoverJwksUri(issuer, ask, JWKS.timeoutDuration).then(
      (uri) => publishedKeys(uri, ask),
      (error: unknown) => {
        remote = undefined;
        throw error;
      },
    );
    return (await remote)(header, input);
  };
}

/** What holds for the times of every issuer's tokens. */
export function timesOf(clock: Clock): JWTVerifyOptions {
  return { clockTolerance: SKEW_S, currentDate: new Date(clock.now()), requiredClaims: ['exp'] };
}

/** jose's generic error is the JWKS endpoint's answer, its time-out the endpoint's silence. */
export function isTokensFault(error: unknown): boolean {
  if (error instanceof InvalidTokenError) return true;
  return (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== errors.JOSEError.code
  );
}
