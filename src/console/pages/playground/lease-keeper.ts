import { ApiProblem } from '../support/api-problem.ts';
import { now } from '../support/clock.ts';
import { LocalProblem } from './problem.ts';
import { type OpenedSession, readSession, renewSession, type SessionState } from './session-api.ts';

/** How soon it is noticed that somebody else ended the session. */
const LOOK_MS = 3_000;
/** Of a lease, that is left when it is renewed. */
const RENEW_AT = 0.5;

export interface LeaseListener {
  onState: (state: SessionState, clockAhead: number) => void;
  onLost: (error: unknown) => void;
}

/** Looks at the session from time to time, and renews its lease long before it lapses. */
export class LeaseKeeper {
  readonly #session: OpenedSession;
  readonly #listener: LeaseListener;
  /** Unix milliseconds by this browser's clock. */
  #lapsesAt: number;
  #renewAt: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(session: OpenedSession, clockAhead: number, listener: LeaseListener) {
    this.#session = session;
    this.#listener = listener;
    this.#lapsesAt = session.lease_expires_at * 1000 - clockAhead;
    this.#renewAt = this.#halfTime();
    this.#wait();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#look(), LOOK_MS);
  }

  async #look(): Promise<void> {
    try {
      const renew = now() >= this.#renewAt;
      const { data, clockAhead } = await (renew ? renewSession : readSession)(this.#session);
      if (this.#stopped) return;
      if (data.state !== 'active') throw new LocalProblem('session_over');
      this.#lapsesAt = data.lease_expires_at * 1000 - clockAhead;
      if (renew) this.#renewAt = this.#halfTime();
      this.#listener.onState(data, clockAhead);
    } catch (error) {
      if (this.#isOver(error)) return;
    }
    this.#wait();
  }

  /** What fails for a moment is tried again, as long as the lease runs. */
  #isOver(error: unknown): boolean {
    if (this.#stopped) return true;
    const passes = error instanceof ApiProblem && (error.status === 0 || error.status >= 429);
    if (passes && now() < this.#lapsesAt) return false;
    this.stop();
    this.#listener.onLost(passes ? new LocalProblem('lease_lapsed') : error);
    return true;
  }

  #halfTime(): number {
    return now() + (this.#lapsesAt - now()) * RENEW_AT;
  }
}
