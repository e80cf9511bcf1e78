import type { Clock } from '../common/clock.ts';
import { readLimited } from '../common/read-limited.ts';

const MAX_ANSWER_BYTES = 256 * 1024;
/** After an issuer failed, nobody asks it for this long. */
const PAUSE_MS = 1_000;

export type Fetch = (url: string | URL, init: RequestInit) => Promise<Response>;

/** Asks one issuer. Anybody's forged token can cause it, so its answers are bounded and failures pause it. */
export function issuerFetch(clock: Clock, ask: Fetch = fetch): Fetch {
  let pausedUntil = Number.NEGATIVE_INFINITY;
  return async (url, init) => {
    if (clock.monotonic() < pausedUntil) throw new Error('the issuer failed a moment ago');
    try {
      const { body, status, headers, ok } = await ask(url, init);
      const text = body === null ? '' : await readLimited(body, MAX_ANSWER_BYTES);
      if (!ok) throw new Error(`the issuer answered with status ${status}`);
      return new Response(text, { status, headers });
    } catch (error) {
      pausedUntil = clock.monotonic() + PAUSE_MS;
      throw error;
    }
  };
}
