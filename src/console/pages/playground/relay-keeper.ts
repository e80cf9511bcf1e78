/** Of the time for which credentials hold, that is over when the next are fetched. */
const RENEW_AT = 0.8;
/** After a failure, and at the least between two attempts. */
const PAUSE_MS = 15_000;

interface Answer<Server> {
  iceServers: Server[];
  /** Seconds for which they hold. */
  ttl: number;
  _turn_enabled: boolean;
}

/** Keeps the credentials of a call's relays from expiring. A call goes on with those that it has while none can be had. */
export class RelayKeeper<Server> {
  readonly #ask: () => Promise<Answer<Server>>;
  readonly #onServers: (servers: Server[]) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  /** Asks at once: how long those of the session hold is not told with them. */
  constructor(ask: () => Promise<Answer<Server>>, onServers: (servers: Server[]) => void) {
    this.#ask = ask;
    this.#onServers = onServers;
    void this.#renew();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #renew(): Promise<void> {
    const seconds = await this.#take().catch(() => 0);
    if (this.#stopped) return;
    const pause = Math.max(PAUSE_MS, seconds * 1000 * RENEW_AT);
    this.#timer = setTimeout(() => void this.#renew(), pause);
  }

  /** For how many seconds those that were taken hold; 0: none were. */
  async #take(): Promise<number> {
    const { iceServers, ttl, _turn_enabled: hasRelays } = await this.#ask();
    if (this.#stopped || !hasRelays) return 0;
    this.#onServers(iceServers);
    return ttl;
  }
}
