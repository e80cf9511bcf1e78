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
/** By the clock: the time of the audio is what its sender says. */
export const LONGEST_TURN_MS = 6_000;

export interface Turn {
  /** In milliseconds of the audio that was heard. */
  startMs: number;
  endMs: number;
}

/** Says when speech starts and stops, by the time of the audio itself. */
export class SpeechDetector {
  readonly #now: () => number;
  #first: number | undefined;
  #atMs = 0;
  /** What may become speech; of speech, its last voice alone. */
  #voicedAtMs: number[] = [];
  #startMs: number | undefined;
  #startedAt = 0;

  /** `now` counts milliseconds, and is never set. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

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
    const voiced = level === undefined || level < VOICE_LEVEL;
    if (this.#startMs === undefined) return this.#start(voiced);
    if (voiced) this.#voicedAtMs = [this.#atMs];
    return this.#isOver(this.#startMs, silenceMs) ? 'stopped' : undefined;
  }

  /** Takes the turn that has stopped; listening starts afresh. */
  take(): Turn {
    const turn = { startMs: this.startMs, endMs: this.#atMs };
    this.#startMs = undefined;
    this.#voicedAtMs = [];
    return turn;
  }

  #isOver(startMs: number, silenceMs: number): boolean {
    const quietMs = this.#atMs - (this.#voicedAtMs.at(-1) ?? startMs);
    if (quietMs >= silenceMs || this.#atMs - startMs >= TURN_MS) return true;
    return this.#now() - this.#startedAt >= LONGEST_TURN_MS;
  }

  #start(voiced: boolean): 'started' | undefined {
    if (voiced) this.#voicedAtMs.push(this.#atMs);
    this.#voicedAtMs = this.#voicedAtMs.filter((at) => this.#atMs - at < WINDOW_MS);
    const [first] = this.#voicedAtMs;
    if (first === undefined || this.#voicedAtMs.length * PACKET_MS < SPEECH_MS) return undefined;
    this.#startMs = first;
    this.#startedAt = this.#now();
    return 'started';
  }
}
