import { Call, CALL_LIMITS } from './call.ts';
import type { CallLimits } from './call.ts';
import { refusal } from './envelope.ts';
import type { Refusal } from './envelope.ts';
import { installed } from './installed.ts';
import { answer } from './peer.ts';
import type { Peer } from './peer.ts';
import type { SpokenAudio } from './reply.ts';
import { readOffer } from './sdp.ts';
import type { Secret } from './secrets.ts';

export interface CallCounts {
  /** Answered with 201 or 101 since the last reset. */
  made: number;
  open: number;
}

export interface MadeCall {
  id: string;
  /** SDP. */
  answer: string;
}

/** The calls that are open: their owner, who ends them. */
export class Calls {
  readonly #host: string | undefined;
  readonly #limits: CallLimits;
  readonly #open = new Map<string, Call>();
  #made = 0;
  #stopped = false;

  constructor(host: string | undefined, limits: Partial<CallLimits> = {}) {
    this.#host = host;
    this.#limits = { ...CALL_LIMITS, ...limits };
  }

  async make(offerText: string, secret: Secret): Promise<MadeCall | Refusal> {
    const offer = readOffer(offerText);
    if (!offer)
      return refusal(400, 'The request body is not a valid SDP offer.', {
        code: 'invalid_offer',
        param: 'sdp',
      });
    const werift = await installed(() => import('werift'));
    if (!werift)
      return refusal(501, 'Calls are not simulated here: werift is not installed.', { type: 'server_error' });
    const call = this.begin(secret, 'track');
    if (!(call instanceof Call)) return call;
    try {
      const peer = await answer(werift, offer, this.#host, call);
      if (!(await this.connect(call, peer))) {
        return refusal(503, 'The call ended before it was answered.', { type: 'server_error' });
      }
      return { id: call.id, answer: peer.answer };
    } catch {
      await call.close();
      return refusal(400, 'The SDP offer cannot be answered.', { code: 'invalid_offer', param: 'sdp' });
    }
  }

  /** One that takes its place before it is connected: whoever begins it connects it to a peer, or closes it. */
  begin(secret: Secret, audio: SpokenAudio): Call | Refusal {
    if (this.#stopped || this.#open.size >= this.#limits.open) {
      return refusal(429, 'Too many calls are open.', { type: 'requests', code: 'rate_limit_exceeded' });
    }
    const call = new Call(secret, {
      limits: this.#limits,
      audio,
      ended: ({ id }) => this.#open.delete(id),
    });
    this.#open.set(call.id, call);
    return call;
  }

  /** The call owns the peer from here on. False when it ended meanwhile. */
  async connect(call: Call, peer: Peer): Promise<boolean> {
    const connected = await call.connect(peer);
    if (connected) this.#made += 1;
    return connected;
  }

  /** False when no such call is open, or another key's secret made it. */
  async hangUp(id: string, keyFingerprint: string): Promise<boolean> {
    const call = this.#open.get(id);
    if (call?.keyFingerprint !== keyFingerprint) return false;
    await call.close();
    return true;
  }

  async hangUpAll(): Promise<void> {
    await Promise.all(Array.from(this.#open.values(), (call) => call.close()));
  }

  counts(): CallCounts {
    return { made: this.#made, open: this.#open.size };
  }

  reset(): void {
    this.#made = 0;
  }

  /** Ends all of them, and makes no more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.hangUpAll();
  }
}
