import type { JWTPayload } from 'jose';

/** How far clocks may differ. */
export const SKEW_S = 30;

/** A token whose signature and times hold. What it may do is for the snapshot to say. */
export interface VerifiedToken {
  /** Who it speaks of, as the snapshot indexes clients: by issuer and `sub` (or clientClaim), or by service account. */
  clientKey: string;
  /** Unix seconds. */
  issuedAt: number | undefined;
  /** Unix seconds. */
  expiresAt: number | undefined;
}

/** The token is not one: the same for every reason. */
export class InvalidTokenError extends Error {}

/** When a token says that it was issued; rejects what is no time, or is yet to come. */
export function issuedAtOf({ iat }: JWTPayload, nowMs: number): number | undefined {
  const latest = nowMs / 1000 + SKEW_S;
  // It is what somebody wrote, whatever the type says.
  if (iat !== undefined && !(typeof iat === 'number' && iat <= latest)) throw new InvalidTokenError();
  return iat;
}
