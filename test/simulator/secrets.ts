import type { Minted } from './ga-answer.ts';

/** What a call is made with: the session that was asked for, and the key that asked. */
export interface Secret {
  session: Record<string, unknown>;
  /** In seconds since 1970. */
  expiresAt: number;
  keyFingerprint: string;
}

/** Under load thousands are minted that nobody uses. */
export const SECRETS_KEPT = 5_000;

/** The secrets that were given out last: each opens any number of calls until it expires. */
export class Secrets {
  readonly #kept = new Map<string, Secret>();

  keep({ value, expires_at, session }: Minted, keyFingerprint: string): void {
    this.#kept.set(value, { session, expiresAt: expires_at, keyFingerprint });
    if (this.#kept.size <= SECRETS_KEPT) return;
    const [oldest] = this.#kept.keys();
    if (oldest !== undefined) this.#kept.delete(oldest);
  }

  /** Undefined when it never was given out, or has expired. */
  find(value: string | undefined): Secret | undefined {
    const secret = value === undefined ? undefined : this.#kept.get(value);
    return secret !== undefined && secret.expiresAt * 1000 > Date.now() ? secret : undefined;
  }
}
