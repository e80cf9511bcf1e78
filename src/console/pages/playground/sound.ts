import { unlessAborted } from '../support/unless-aborted.ts';
import { LocalProblem, microphoneProblem } from './problem.ts';

export type SoundSource = 'microphone' | 'tone';

const TONE_HZ = 220;
/** It comes back from a simulator: quiet enough to bear. */
const TONE_GAIN = 0.12;
const FFT_SIZE = 512;

/** What is said and what is heard: one audio context, closed with it. */
export class Sound {
  readonly stream: MediaStream;
  readonly #context: AudioContext;
  readonly #input: AnalyserNode;
  #output: AnalyserNode | undefined;
  readonly #speaker = new Audio();
  readonly #samples = new Float32Array(FFT_SIZE);

  private constructor(context: AudioContext, stream: MediaStream) {
    this.#context = context;
    this.stream = stream;
    this.#input = this.#analyse(stream);
    this.#speaker.autoplay = true;
  }

  /** Rejects as soon as the signal comes, though the browser may ask for the microphone until somebody answers. */
  static async open(source: SoundSource, signal: AbortSignal): Promise<Sound> {
    const context = new AudioContext();
    try {
      const stream = source === 'tone' ? tone(context) : await microphone(signal);
      return new Sound(context, stream);
    } catch (error) {
      await context.close();
      throw error;
    }
  }

  /** Plays what comes from the provider. */
  hear(stream: MediaStream): void {
    this.#speaker.srcObject = stream;
    // A browser that plays nothing before a click gets one with the start.
    this.#speaker.play().catch(() => undefined);
    this.#output ??= this.#analyse(stream);
  }

  mute(muted: boolean): void {
    for (const track of this.stream.getAudioTracks()) track.enabled = !muted;
  }

  /** How loud both are now: 0 to 1. */
  levels(): { input: number; output: number } {
    return { input: this.#level(this.#input), output: this.#level(this.#output) };
  }

  close(): void {
    for (const track of this.stream.getTracks()) track.stop();
    this.#speaker.srcObject = null;
    void this.#context.close();
  }

  #analyse(stream: MediaStream): AnalyserNode {
    const analyser = new AnalyserNode(this.#context, { fftSize: FFT_SIZE });
    this.#context.createMediaStreamSource(stream).connect(analyser);
    return analyser;
  }

  #level(analyser: AnalyserNode | undefined): number {
    if (analyser === undefined) return 0;
    analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, sample) => sum + sample * sample, 0) / FFT_SIZE;
    // As ears hear it: the square root spreads what is quiet.
    return Math.min(1, Math.sqrt(Math.sqrt(power)));
  }
}

/** Swells and fades, as speech does, so that who listens hears beginnings and ends. */
function tone(context: AudioContext): MediaStream {
  const target = context.createMediaStreamDestination();
  const oscillator = new OscillatorNode(context, { frequency: TONE_HZ });
  const gain = new GainNode(context, { gain: TONE_GAIN / 2 });
  const swell = new OscillatorNode(context, { frequency: 0.4 });
  const depth = new GainNode(context, { gain: TONE_GAIN / 2 });
  swell.connect(depth).connect(gain.gain);
  oscillator.connect(gain).connect(target);
  swell.start();
  oscillator.start();
  void context.resume();
  return target.stream;
}

async function microphone(signal: AbortSignal): Promise<MediaStream> {
  // Absent without HTTPS, whatever the types say.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (devices === undefined) throw new LocalProblem('microphone_insecure');
  const asked = devices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
  return unlessAborted(asked, signal, (late) => {
    for (const track of late.getTracks()) track.stop();
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new LocalProblem(microphoneProblem(error instanceof DOMException ? error.name : ''));
  });
}
