import type { CallCounts } from './calls.ts';
import type { FaultKind } from './faults.ts';

export interface KeyTally {
  requests: number;
  minted: number;
  rejected: number;
}

export interface Sighting {
  at: number;
  key_fingerprint: string | null;
  path: string;
  /** 0 when the connection ended before a complete answer. */
  status: number;
  session_model: string | null;
  voice: string | null;
  ttl: number | null;
  forbidden_headers: string[];
  fault: FaultKind['kind'] | null;
}

export interface Seen {
  mints: number;
  requests: number;
  by_key: Record<string, KeyTally>;
  in_flight: number;
  calls: CallCounts;
  log?: Sighting[];
}

export const LOG_LIMIT = 20_000;
/** Of keys and secrets; beyond, the requests of one are counted with all others alone. */
export const KEYS_COUNTED = 10_000;
/** Of what a request says. */
export const NOTED_CHARACTERS = 200;

/** What was seen since the last reset. */
class Tally {
  mints = 0;
  requests = 0;
  readonly byKey = new Map<string, KeyTally>();
  readonly #ring: Sighting[] = [];
  #next = 0;

  arrived(fingerprint: string | null): void {
    this.requests += 1;
    const key = this.#key(fingerprint);
    if (key) key.requests += 1;
  }

  answered(sighting: Sighting, minted: boolean): void {
    const key = this.#key(sighting.key_fingerprint);
    if (minted) this.mints += 1;
    if (key && minted) key.minted += 1;
    if (key && sighting.status >= 400) key.rejected += 1;
    this.#ring[this.#next] = sighting;
    this.#next = (this.#next + 1) % LOG_LIMIT;
  }

  /** Oldest first. */
  log(): Sighting[] {
    if (this.#ring.length < LOG_LIMIT) return [...this.#ring];
    return [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)];
  }

  #key(fingerprint: string | null): KeyTally | undefined {
    if (fingerprint === null) return undefined;
    let key = this.byKey.get(fingerprint);
    if (!key && this.byKey.size < KEYS_COUNTED) {
      this.byKey.set(fingerprint, (key = { requests: 0, minted: 0, rejected: 0 }));
    }
    return key;
  }
}

export class Sightings {
  #tally = new Tally();
  #inFlight = 0;

  /** Call the answer with the final status, once, when the exchange is over. */
  begin(sighting: Sighting): (status: number, minted: boolean) => void {
    // A request that outlives a reset is settled in the tally it arrived in, not in the new one.
    const tally = this.#tally;
    tally.arrived(sighting.key_fingerprint);
    this.#inFlight += 1;
    return (status, minted) => {
      this.#inFlight -= 1;
      sighting.status = status;
      tally.answered(sighting, minted);
    };
  }

  seen(withLog = true): Omit<Seen, 'calls'> {
    const { mints, requests, byKey } = this.#tally;
    const by_key = Object.fromEntries(Array.from(byKey, ([name, tally]) => [name, { ...tally }]));
    const counts = { mints, requests, by_key, in_flight: this.#inFlight };
    return withLog ? { ...counts, log: this.#tally.log() } : counts;
  }

  reset(): void {
    this.#tally = new Tally();
  }
}
