import { answerItem, contentPart, newId } from './events.ts';
import type { Modality, RealtimeAudioFormats, RealtimeResponse, Send } from './events.ts';

/** Over WebRTC audio is a track and has a buffer; over a WebSocket it is in events. */
export type SpokenAudio = 'track' | 'events';

export interface ReplyPlan {
  modality: Modality;
  audio: SpokenAudio;
  text: string;
  /** What it answers to, counted in words. */
  heardWords: number;
  previousItemId: string | null;
  /** What the response says of itself beside its state. */
  about: Partial<RealtimeResponse>;
}

export type CancelReason = 'client_cancelled' | 'turn_detected';

const WORD_MS = 40;
const PCM_HZ = 24_000;
const G711_HZ = 8_000;
const G711_SILENCE = { 'audio/pcmu': 0xff, 'audio/pcma': 0xd5 };
const REQUESTS_A_MINUTE = 1_000;
const TOKENS_A_MINUTE = 400_000;

/** One response: a word at a time, as long as nobody cancels it. */
export class Reply {
  readonly id = newId('resp');
  readonly itemId = newId('item');
  readonly #plan: ReplyPlan;
  readonly #send: Send;
  readonly #over: () => void;
  readonly #words: string[];
  #said = '';
  #timer: NodeJS.Timeout | undefined;

  /** `over` is called once it is complete; not when it is cancelled. */
  constructor(plan: ReplyPlan, send: Send, over: () => void) {
    this.#plan = plan;
    this.#send = send;
    this.#over = over;
    this.#words = plan.text.split(/(?<= )/);
  }

  start(): void {
    const { modality, previousItemId } = this.#plan;
    const item = answerItem(this.itemId, 'in_progress', modality);
    this.#send({ type: 'response.created', response: this.#response('in_progress') });
    this.#send({ type: 'rate_limits.updated', rate_limits: rateLimits() });
    this.#send({ type: 'response.output_item.added', ...this.#at(), item });
    this.#send({ type: 'conversation.item.added', previous_item_id: previousItemId, item });
    this.#send({ type: 'response.content_part.added', ...this.#within(), part: contentPart(modality, '') });
    this.#buffer('started');
    this.#timer = setInterval(() => {
      this.#sayWord();
    }, WORD_MS);
  }

  cancel(reason: CancelReason): void {
    this.stop();
    this.#end('incomplete');
    const response = this.#response('cancelled', { type: 'cancelled', reason });
    this.#send({ type: 'response.done', response });
    this.#buffer('cleared');
  }

  /** Without a word more. */
  stop(): void {
    clearInterval(this.#timer);
  }

  #sayWord(): void {
    const delta = this.#words.shift();
    if (delta === undefined) {
      this.#complete();
      return;
    }
    this.#said += delta;
    if (this.#plan.modality === 'text') {
      this.#send({ type: 'response.output_text.delta', ...this.#within(), delta });
    } else {
      this.#send({ type: 'response.output_audio_transcript.delta', ...this.#within(), delta });
      if (this.#plan.audio === 'events') {
        const silence = silenceOf(WORD_MS, this.#plan.about.audio?.output?.format);
        this.#send({ type: 'response.output_audio.delta', ...this.#within(), delta: silence });
      }
    }
  }

  #buffer(change: 'started' | 'stopped' | 'cleared'): void {
    if (this.#plan.modality === 'text' || this.#plan.audio === 'events') return;
    this.#send({ type: `output_audio_buffer.${change}`, response_id: this.id });
  }

  #complete(): void {
    this.stop();
    this.#end('completed');
    this.#send({ type: 'response.done', response: this.#response('completed') });
    this.#buffer('stopped');
    this.#over();
  }

  #end(status: 'completed' | 'incomplete'): void {
    const { modality, previousItemId } = this.#plan;
    const item = answerItem(this.itemId, status, modality, this.#said);
    if (modality === 'text') {
      this.#send({ type: 'response.output_text.done', ...this.#within(), text: this.#said });
    } else {
      this.#send({ type: 'response.output_audio.done', ...this.#within() });
      this.#send({
        type: 'response.output_audio_transcript.done',
        ...this.#within(),
        transcript: this.#said,
      });
    }
    this.#send({
      type: 'response.content_part.done',
      ...this.#within(),
      part: contentPart(modality, this.#said),
    });
    this.#send({ type: 'conversation.item.done', previous_item_id: previousItemId, item });
    this.#send({ type: 'response.output_item.done', ...this.#at(), item });
  }

  /** What has been said so far, as an item of the conversation. */
  item(status: 'completed' | 'incomplete'): ReturnType<typeof answerItem> {
    return answerItem(this.itemId, status, this.#plan.modality, this.#said);
  }

  #at(): { response_id: string; output_index: number } {
    return { response_id: this.id, output_index: 0 };
  }

  #within(): { response_id: string; output_index: number; item_id: string; content_index: number } {
    return { ...this.#at(), item_id: this.itemId, content_index: 0 };
  }

  #response(
    status: RealtimeResponse['status'],
    details?: RealtimeResponse['status_details'],
  ): RealtimeResponse {
    const { about, modality, heardWords } = this.#plan;
    const begun: RealtimeResponse = {
      object: 'realtime.response',
      id: this.id,
      status,
      output: [],
      output_modalities: [modality],
      ...about,
    };
    if (status === 'in_progress') return begun;
    const output = [this.item(status === 'completed' ? 'completed' : 'incomplete')];
    return {
      ...begun,
      ...(details && { status_details: details }),
      output,
      usage: usage(heardWords, this.#said, modality),
    };
  }
}

/** What a voice that makes no sound sends, in base64. */
function silenceOf(ms: number, format: RealtimeAudioFormats = { type: 'audio/pcm' }): string {
  if (format.type === 'audio/pcm' || format.type === undefined) {
    const bytesPerSample = 2;
    return Buffer.alloc((PCM_HZ * bytesPerSample * ms) / 1000).toString('base64');
  }
  return Buffer.alloc((G711_HZ * ms) / 1000, G711_SILENCE[format.type]).toString('base64');
}

/** A token a word. */
function usage(heard: number, said: string, modality: Modality): NonNullable<RealtimeResponse['usage']> {
  const output = said.split(' ').filter((word) => word !== '').length;
  const spoken = modality === 'audio' ? output : 0;
  return {
    total_tokens: heard + output,
    input_tokens: heard,
    output_tokens: output,
    input_token_details: { text_tokens: heard, audio_tokens: 0, image_tokens: 0, cached_tokens: 0 },
    output_token_details: { text_tokens: output - spoken, audio_tokens: spoken },
  };
}

function rateLimits(): {
  name: 'requests' | 'tokens';
  limit: number;
  remaining: number;
  reset_seconds: number;
}[] {
  return [
    { name: 'requests', limit: REQUESTS_A_MINUTE, remaining: REQUESTS_A_MINUTE - 1, reset_seconds: 0.06 },
    { name: 'tokens', limit: TOKENS_A_MINUTE, remaining: TOKENS_A_MINUTE - 1_000, reset_seconds: 0.15 },
  ];
}
