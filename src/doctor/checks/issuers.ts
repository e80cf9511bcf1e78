import { discoverJwksUri } from '../../auth/discovery.ts';
import { issuerFetch } from '../../auth/issuer-http.ts';
import type { Clock } from '../../common/clock.ts';
import { isRecord } from '../../common/json.ts';
import type { Settings } from '../../config/load-settings.ts';
import type { IssuerSettings } from '../../config/settings.ts';
import { shownUrl } from '../describe.ts';
import { type Found, failure, ok, Skipped } from '../finding.ts';
import { reachFix, TIMEOUT_MS, unreached } from '../reach.ts';

/** Whether the keys of each issuer can be had, the way a token's verification gets them. */
export async function checkIssuers({ jwtIssuers }: Settings, clock: Clock): Promise<Found[]> {
  if (jwtIssuers.length === 0) throw new Skipped('VESTIBULE_JWT_ISSUERS names none');
  return Promise.all(jwtIssuers.map((issuer) => checkIssuer(issuer, clock)));
}

async function checkIssuer(issuer: IssuerSettings, clock: Clock): Promise<Found> {
  const shown = URL.canParse(issuer.issuer) ? shownUrl(issuer.issuer) : issuer.issuer;
  try {
    const fetchOfIssuer = issuerFetch(clock);
    const uri = await discoverJwksUri(issuer, fetchOfIssuer, TIMEOUT_MS);
    const answer = await fetchOfIssuer(uri, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
    const keys = keysIn(await answer.json());
    return keys > 0
      ? ok(`${shown} publishes ${keys} keys`)
      : failure(`${shown} publishes no keys at ${shownUrl(uri.href)}`, 'mend jwksUri, or the issuer');
  } catch (error) {
    return failure(
      `the keys of ${shown} cannot be had: ${unreached(error)}`,
      reachFix(error, 'spell issuer and jwksUri as the issuer does'),
    );
  }
}

function keysIn(document: unknown): number {
  return isRecord(document) && Array.isArray(document['keys']) ? document['keys'].length : 0;
}
