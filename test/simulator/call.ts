import { setTimeout as delay } from 'node:timers/promises';

import { Conversation } from './conversation.ts';
import { newId } from './events.ts';
import type { ServerEvent } from './events.ts';
import { LiveSession } from './live-session.ts';
import type { SpokenAudio } from './reply.ts';
import type { Peer, PeerListener } from './peer.ts';
import type { Secret } from './secrets.ts';

export interface CallLimits {
  /** At once; beyond, 429. */
  open: number;
  /** How long one lasts at most. */
  lastsMs: number;
  /** How long one is kept without a sign of the other side, as when it never connects. */
  silentMs: number;
  /** Messages from the client in all of one call. */
  messages: number;
}

export const CALL_LIMITS: CallLimits = { open: 32, lastsMs: 3_600_000, silentMs: 30_000, messages: 10_000 };

/** Of what the client does not read. */
const MAX_WAITING_BYTES = 1_048_576;
/** For its connection to close; one that takes longer is left alone. */
const CLOSING_MS = 2_000;
/** For the last words to arrive. */
const LAST_WORDS_MS = 250;

/** What a call is carried by, and what its owner is told. */
export interface CallOptions {
  limits: CallLimits;
  /** How the client gets what is spoken: beside the events, or in them. */
  audio: SpokenAudio;
  /** Called once, however it ends. */
  ended: (call: Call) => void;
}

/** One call: a peer, and what is said to it. */
export class Call implements PeerListener {
  readonly id = newId('rtc');
  readonly keyFingerprint: string;
  readonly #limits: CallLimits;
  readonly #conversation: Conversation;
  readonly #ended: (call: Call) => void;
  readonly #lasts: NodeJS.Timeout;
  readonly #silent: NodeJS.Timeout;
  #lastWords: NodeJS.Timeout | undefined;
  #peer: Peer | undefined;
  #messages = 0;
  #closed: Promise<void> | undefined;

  constructor({ session, keyFingerprint }: Secret, { limits, audio, ended }: CallOptions) {
    this.keyFingerprint = keyFingerprint;
    this.#limits = limits;
    this.#ended = ended;
    const live = new LiveSession(session, Date.now() + limits.lastsMs);
    const send = (event: ServerEvent): void => {
      this.#send(event);
    };
    this.#conversation = new Conversation(live, send, audio);
    this.#lasts = setTimeout(() => {
      this.#expire();
    }, limits.lastsMs);
    this.#silent = setTimeout(() => void this.close(), limits.silentMs);
  }

  /** The call owns the peer from here on. False when it ended while its peer was made. */
  async connect(peer: Peer): Promise<boolean> {
    this.#peer = peer;
    if (!this.#closed) return true;
    await peer.close();
    return false;
  }

  opened(): void {
    if (!this.#over) this.#conversation.open();
  }

  message(text: string): void {
    if (this.#over) return;
    this.#messages += 1;
    if (this.#messages > this.#limits.messages)
      this.#end('rate_limit_exceeded', 'Too many messages in one call.');
    else this.#converse(text);
  }

  /** A message may be nested so deep that it can be read and not be repeated. */
  #converse(text: string): void {
    try {
      this.#conversation.message(text);
    } catch {
      void this.close();
    }
  }

  heard(packet: Parameters<PeerListener['heard']>[0]): void {
    if (!this.#over) this.#conversation.heard(packet);
  }

  alive(): void {
    if (!this.#closed) this.#silent.refresh();
  }

  gone(): void {
    void this.close();
  }

  /** Never rejects. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  /** Nothing that still comes is answered. */
  get #over(): boolean {
    return this.#closed !== undefined || this.#lastWords !== undefined;
  }

  async #close(): Promise<void> {
    // What could not be said ends a call in the middle of an answer: first that sets all the timers it sets.
    await Promise.resolve();
    for (const timer of [this.#lasts, this.#silent, this.#lastWords]) clearTimeout(timer);
    this.#conversation.close();
    try {
      await Promise.race([this.#peer?.close(), delay(CLOSING_MS, undefined, { ref: false })]);
    } catch {
      // Nobody waits for the end of a call who could do anything about it.
    }
    this.#ended(this);
  }

  #expire(): void {
    const minutes = Math.round(this.#limits.lastsMs / 60_000);
    this.#end('session_expired', `Your session hit the maximum duration of ${minutes} minutes.`);
  }

  #end(code: string, message: string): void {
    if (this.#over) return;
    this.#conversation.close();
    this.#send({
      type: 'error',
      error: { type: 'invalid_request_error', code, message, param: null, event_id: null },
    });
    this.#lastWords = setTimeout(() => void this.close(), LAST_WORDS_MS);
  }

  #send(event: ServerEvent): void {
    if (this.#closed || this.#peer === undefined) return;
    if (this.#peer.waiting() > MAX_WAITING_BYTES) void this.close();
    else this.#peer.send(JSON.stringify({ event_id: newId('event'), ...event }));
  }
}
