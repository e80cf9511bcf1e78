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
/** Of their sessions, as JSON, all of them together. */
export const MAX_SECRETS_BYTES = 16_777_216;
/** How often those that have expired are looked for. */
const SWEEP_MS = 1_000;

/** A session as text: as objects, one could take twenty times its size. */
interface Kept extends Omit<Secret, 'session'> {
  session: string;
}

/** The secrets that were given out last: each opens any number of calls until it expires. */
export class Secrets {
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;
  #sweptAt = 0;

  /** How many are remembered. */
  get size(): number {
    return this.#kept.size;
  }

  keep({ value, expires_at, session }: Minted, keyFingerprint: string): void {
    this.#sweep();
    const text = JSON.stringify(session);
    this.#kept.set(value, { session: text, expiresAt: expires_at, keyFingerprint });
    this.#bytes += Buffer.byteLength(text);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= SECRETS_KEPT && this.#bytes <= MAX_SECRETS_BYTES) break;
      this.#forget(oldest);
    }
  }

  /** Undefined when it never was given out, or has expired. */
  find(value: string | undefined): Secret | undefined {
    const kept = value === undefined ? undefined : this.#kept.get(value);
    if (kept === undefined || hasExpired(kept)) return undefined;
    return { ...kept, session: JSON.parse(kept.session) as Secret['session'] };
  }

  #sweep(): void {
    const now = Date.now();
    if (Math.abs(now - this.#sweptAt) < SWEEP_MS) return;
    this.#sweptAt = now;
    for (const [value, kept] of this.#kept) if (hasExpired(kept)) this.#forget(value);
  }

  #forget(value: string): void {
    this.#bytes -= Buffer.byteLength(this.#kept.get(value)?.session ?? '');
    this.#kept.delete(value);
  }
}

function hasExpired({ expiresAt }: Kept): boolean {
  return expiresAt * 1000 <= Date.now();
}
