import { isRecord } from '../common/json.ts';
import { withoutTrailingSlash } from '../common/url.ts';
import type { IssuerSettings } from '../config/settings.ts';
import type { Fetch } from './issuer-http.ts';

/** Where an issuer publishes its keys: as configured, else by OpenID Connect discovery. */
export async function discoverJwksUri(
  issuer: IssuerSettings,
  fetchOfIssuer: Fetch,
  timeoutMs: number,
): Promise<URL> {
  if (issuer.jwksUri !== undefined) return new URL(issuer.jwksUri);
  const address = `${withoutTrailingSlash(issuer.issuer)}/.well-known/openid-configuration`;
  const answer = await fetchOfIssuer(address, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' });
  const document: unknown = await answer.json();
  const found = isRecord(document) ? document : {};
  if (found['issuer'] !== issuer.issuer || typeof found['jwks_uri'] !== 'string') {
    throw new Error('the issuer’s discovery document is not valid');
  }
  return new URL(found['jwks_uri']);
}
