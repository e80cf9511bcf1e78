import { createHash } from 'node:crypto';
import { unavailable } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import { isRecord } from '../common/json.ts';
import type { Cluster } from '../kubernetes/cluster.ts';
import { AUTHENTICATION_API } from '../kubernetes/resource-paths.ts';
import type { ClusterKeys } from './cluster-keys.ts';
import { isTokensFault } from './issuer-keys.ts';
import { SERVICE_ACCOUNT_AUDIENCE, type ServiceAccountAuthority } from './service-account-verifier.ts';
import { InvalidTokenError } from './verified-token.ts';

/** Fewer than the connections to the API server, which the vault needs too. */
const MAX_REVIEWS = 12;
/** For so long a token holds after its account or pod was deleted. */
const KEPT_MS = 10_000;
const MAX_KEPT_REVIEWS = 10_000;

interface Kept {
  username: string;
  until: number;
}

/** Tokens by TokenReview: the API server alone knows which accounts and pods were deleted. */
export class TokenReviews implements ServiceAccountAuthority {
  readonly #cluster: Cluster;
  readonly #keys: Pick<ClusterKeys, 'checkSignature'>;
  readonly #clock: Clock;
  /** By the token's hash, like what is kept. */
  readonly #underWay = new Map<string, Promise<string>>();
  /** In the order in which they came. */
  readonly #kept = new Map<string, Kept>();

  constructor(cluster: Cluster, keys: Pick<ClusterKeys, 'checkSignature'>, clock: Clock) {
    this.#cluster = cluster;
    this.#keys = keys;
    this.#clock = clock;
  }

  async subjectOf(token: string): Promise<string> {
    const hash = createHash('sha256').update(token, 'utf8').digest('base64');
    const kept = this.#keptOf(hash);
    if (kept !== undefined) return kept;
    await this.#refuseForged(token);
    // Others who brought it have gone on meanwhile.
    return this.#keptOf(hash) ?? this.#underWay.get(hash) ?? this.#begin(hash, token);
  }

  #keptOf(hash: string): string | undefined {
    const kept = this.#kept.get(hash);
    return kept !== undefined && this.#clock.monotonic() < kept.until ? kept.username : undefined;
  }

  /** What the cluster did not sign must not keep others from being reviewed. Without its keys, the review decides alone. */
  async #refuseForged(token: string): Promise<void> {
    try {
      await this.#keys.checkSignature(token);
    } catch (error) {
      if (isTokensFault(error)) throw new InvalidTokenError();
    }
  }

  #begin(hash: string, token: string): Promise<string> {
    if (this.#underWay.size >= MAX_REVIEWS) throw unavailable('Too many tokens are being reviewed.');
    const review = this.#review(hash, token).finally(() => {
      this.#underWay.delete(hash);
    });
    this.#underWay.set(hash, review);
    return review;
  }

  /** Only that it holds is remembered, and from before it was asked, so that no deletion is missed for longer. */
  async #review(hash: string, token: string): Promise<string> {
    const until = this.#clock.monotonic() + KEPT_MS;
    const review = await this.#cluster.request<{ status?: unknown }>({
      method: 'POST',
      path: `${AUTHENTICATION_API}/tokenreviews`,
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        spec: { token, audiences: [SERVICE_ACCOUNT_AUDIENCE] },
      },
    });
    const username = usernameIn(review.status);
    this.#dropOldest();
    this.#kept.delete(hash);
    this.#kept.set(hash, { username, until });
    return username;
  }

  #dropOldest(): void {
    const now = this.#clock.monotonic();
    for (const [hash, { until }] of this.#kept) {
      if (until > now && this.#kept.size < MAX_KEPT_REVIEWS) return;
      this.#kept.delete(hash);
    }
  }
}

/** An API server that does not look at audiences names none. */
function usernameIn(status: unknown): string {
  if (!isRecord(status)) throw new Error('the API server did not review the token');
  const { authenticated, audiences, user } = status;
  if (authenticated !== true) throw new InvalidTokenError();
  if (!Array.isArray(audiences) || !audiences.includes(SERVICE_ACCOUNT_AUDIENCE))
    throw new InvalidTokenError();
  const username = isRecord(user) ? user['username'] : undefined;
  if (typeof username !== 'string') throw new InvalidTokenError();
  return username;
}
