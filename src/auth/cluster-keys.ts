import { type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Clock } from '../common/clock.ts';
import { isRecord } from '../common/json.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import { type Fetch, issuerFetch } from './issuer-http.ts';
import { JWKS, publishedKeys, timesOf } from './issuer-keys.ts';
import { SERVICE_ACCOUNT_AUDIENCE, type ServiceAccountAuthority } from './service-account-verifier.ts';

/** Those that a cluster can sign with. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];

/** Only paths count: `Cluster` knows where the API server is. */
const API_SERVER = 'https://kubernetes.invalid';
const DISCOVERY = new URL('/.well-known/openid-configuration', API_SERVER);
/**
 * Where every API server serves its keys. The document's `jwks_uri` is for those outside, and often an address that
 * only nodes reach.
 */
const KEYS = new URL('/openid/v1/jwks', API_SERVER);

/** Tokens by the keys that the cluster publishes, which know nothing of accounts and pods that were deleted. */
export class ClusterKeys implements ServiceAccountAuthority {
  readonly #clock: Clock;
  readonly #ask: Fetch;
  readonly #keySet: JWTVerifyGetKey;
  #issuer: { name: string; readAt: number } | undefined;
  #discovery: Promise<string> | undefined;

  constructor(cluster: Cluster, clock: Clock) {
    this.#clock = clock;
    this.#ask = issuerFetch(clock, fetchOf(cluster));
    this.#keySet = publishedKeys(KEYS, this.#ask);
  }

  async subjectOf(token: string, { iss }: JWTPayload): Promise<unknown> {
    const { payload } = await jwtVerify(token, this.#keySet, {
      ...timesOf(this.#clock),
      algorithms: ALGORITHMS,
      issuer: await this.#issuerFor(iss),
      audience: SERVICE_ACCOUNT_AUDIENCE,
    });
    return payload.sub;
  }

  /** Rejects when the cluster's keys did not sign it, and when they cannot be had; whoever else has a word is to say more. */
  async checkSignature(token: string): Promise<void> {
    await jwtVerify(token, this.#keySet, { ...timesOf(this.#clock), algorithms: ALGORITHMS });
  }

  /** As old as keys may be; a token of another issuer makes it be asked for sooner, but not for each such token. */
  async #issuerFor(claimed: unknown): Promise<string> {
    if (this.#issuer !== undefined) {
      const { name, readAt } = this.#issuer;
      const mostAge = name === claimed ? JWKS.cacheMaxAge : JWKS.cooldownDuration;
      if (this.#clock.monotonic() < readAt + mostAge) return name;
    }
    this.#discovery ??= this.#discover().finally(() => {
      this.#discovery = undefined;
    });
    return this.#discovery;
  }

  async #discover(): Promise<string> {
    const answer = await this.#ask(DISCOVERY, {});
    const document: unknown = await answer.json();
    const name = isRecord(document) ? document['issuer'] : undefined;
    if (typeof name !== 'string' || name === '')
      throw new Error('the cluster’s discovery document is not valid');
    this.#issuer = { name, readAt: this.#clock.monotonic() };
    return name;
  }
}

/** The time-out and the credentials are those of `Cluster`. */
function fetchOf(cluster: Cluster): Fetch {
  return async (url) => new Response(await cluster.text(new URL(url).pathname));
}
