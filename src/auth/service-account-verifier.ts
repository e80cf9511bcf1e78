import type { JWTPayload } from 'jose';
import { AppError, unavailable } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import { SERVICE_ACCOUNT_PREFIX, serviceAccountKey } from '../projects/snapshot.ts';
import { isTokensFault } from './issuer-keys.ts';
import { InvalidTokenError, issuedAtOf, SKEW_S, type VerifiedToken } from './verified-token.ts';

/** For whom a projected token has to be made. */
export const SERVICE_ACCOUNT_AUDIENCE = 'vestibule';

/** A namespace is a DNS label, a service account's name a DNS subdomain. */
const SUBJECT = new RegExp(
  `^${SERVICE_ACCOUNT_PREFIX}([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?):([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)$`,
);

/** Who in the cluster says that a token holds: its published keys, or the API server itself. */
export interface ServiceAccountAuthority {
  /** Of whom the token speaks, as the cluster names users. Rejects when it does not hold, and when nobody can tell. */
  subjectOf(token: string, claims: JWTPayload): Promise<unknown>;
}

/** Verifies the tokens that a cluster makes for the service accounts of its pods. */
export class ServiceAccountVerifier {
  readonly #authority: ServiceAccountAuthority;
  readonly #clock: Clock;

  constructor(authority: ServiceAccountAuthority, clock: Clock) {
    this.#authority = authority;
    this.#clock = clock;
  }

  /** Whether a token claims to be one: it only chooses who checks. */
  recognizes({ sub }: JWTPayload): boolean {
    return typeof sub === 'string' && sub.startsWith(SERVICE_ACCOUNT_PREFIX);
  }

  /** `claims` are the token's, unverified. Rejects with InvalidTokenError, or with a 503 when the cluster cannot tell. */
  async verify(token: string, claims: JWTPayload): Promise<VerifiedToken> {
    const issuedAt = issuedAtOf(claims, this.#clock.now());
    if (!this.#canHold(claims)) throw new InvalidTokenError();
    try {
      const subject = await this.#authority.subjectOf(token, claims);
      return { clientKey: keyOf(subject), issuedAt, expiresAt: claims.exp };
    } catch (error) {
      if (isTokensFault(error)) throw new InvalidTokenError();
      if (error instanceof AppError) throw error;
      throw unavailable('The cluster cannot say now whether this token holds.', error);
    }
  }

  /** Keeps from the API server what it would refuse anyway. */
  #canHold({ sub, aud, exp }: JWTPayload): boolean {
    const now = this.#clock.now() / 1000;
    return (
      SUBJECT.test(String(sub)) &&
      [aud].flat().includes(SERVICE_ACCOUNT_AUDIENCE) &&
      Number.isFinite(exp) &&
      now < Number(exp) + SKEW_S
    );
  }
}

function keyOf(subject: unknown): string {
  const [, namespace, name] = SUBJECT.exec(String(subject)) ?? [];
  if (namespace === undefined || name === undefined) throw new InvalidTokenError();
  return serviceAccountKey(namespace, name);
}
