import type { Heard } from './peer.ts';

const HZ = 48_000;
const TIMESTAMPS = 2 ** 32;
/** Of Opus, as browsers send it. */
const PACKET_MS = 20;
/** Louder than this, in decibels below the loudest, is voice. */
const VOICE_LEVEL = 50;
/** How much voice within how long is speech: less is a click. */
const SPEECH_MS = 60;
const WINDOW_MS = 1_000;
/** Without a pause a turn ends all the same, so that a steady tone is answered too. */
export const TURN_MS = 3_000;

export interface Turn {
  /** In milliseconds of the audio that was heard. */
  startMs: number;
  endMs: number;
}

/** Says when speech starts and stops, by the time of the audio itself. */
export class SpeechDetector {
  #first: number | undefined;
  #atMs = 0;
  #voicedAtMs: number[] = [];
  #startMs: number | undefined;

  get speaking(): boolean {
    return this.#startMs !== undefined;
  }

  /** When speech starts: its beginning. */
  get startMs(): number {
    return this.#startMs ?? this.#atMs;
  }

  /** Milliseconds of audio heard so far. */
  get atMs(): number {
    return this.#atMs;
  }

  heard({ timestamp, level }: Heard, silenceMs: number): 'started' | 'stopped' | undefined {
    this.#first ??= timestamp;
    this.#atMs = ((timestamp - this.#first + TIMESTAMPS) % TIMESTAMPS) / (HZ / 1000);
    if (level === undefined || level < VOICE_LEVEL) this.#voicedAtMs.push(this.#atMs);
    if (this.#startMs === undefined) return this.#start();
    const quietMs = this.#atMs - (this.#voicedAtMs.at(-1) ?? this.#startMs);
    return quietMs >= silenceMs || this.#atMs - this.#startMs >= TURN_MS ? 'stopped' : undefined;
  }

  /** Takes the turn that has stopped; listening starts afresh. */
  take(): Turn {
    const turn = { startMs: this.startMs, endMs: this.#atMs };
    this.#startMs = undefined;
    this.#voicedAtMs = [];
    return turn;
  }

  #start(): 'started' | undefined {
    this.#voicedAtMs = this.#voicedAtMs.filter((at) => this.#atMs - at < WINDOW_MS);
    const [first] = this.#voicedAtMs;
    if (first === undefined || this.#voicedAtMs.length * PACKET_MS < SPEECH_MS) return undefined;
    this.#startMs = first;
    return 'started';
  }
}
