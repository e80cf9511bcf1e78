import { readClientEvent } from './client-events.ts';
import type { ClientEvent, EventProblem } from './client-events.ts';
import { cutOff } from './cut-off.ts';
import { idOf, newId, spokenItem } from './events.ts';
import type { ConversationItem, Modality, RealtimeResponse, Send } from './events.ts';
import { dig } from './ga-session.ts';
import { Items } from './items.ts';
import type { LiveSession } from './live-session.ts';
import type { Heard } from './peer.ts';
import { Reply } from './reply.ts';
import type { CancelReason, SpokenAudio } from './reply.ts';
import { SpeechDetector } from './speech.ts';
import type { Turn } from './speech.ts';

type Json = Record<string, unknown>;
const REPEATED_CHARACTERS = 500;

/** Answers an event, or says what is wrong with it. */
type Handler = (event: ClientEvent) => EventProblem | undefined;

/** What the provider says and does in one call. */
export class Conversation {
  readonly #session: LiveSession;
  readonly #send: Send;
  readonly #audio: SpokenAudio;
  readonly #id = newId('conv');
  readonly #items = new Items();
  readonly #speech = new SpeechDetector();
  readonly #handlers: Record<string, Handler> = {
    'session.update': (event) => this.#update(event),
    'response.create': (event) => this.#create(event),
    'response.cancel': (event) => this.#cancelAsked(event),
    'conversation.item.create': (event) => this.#addItem(event),
    'conversation.item.delete': (event) => this.#deleteItem(event),
    'conversation.item.retrieve': (event) => this.#retrieveItem(event),
    'conversation.item.truncate': (event) => this.#truncateItem(event),
    'input_audio_buffer.append': (event) => this.#append(event),
    'input_audio_buffer.commit': () => this.#commitAsked(),
    'input_audio_buffer.clear': () => this.#clearInput(),
    'output_audio_buffer.clear': () => this.#clearOutput(),
  };
  /** Where the audio begins that was not committed yet, in milliseconds of what was heard. */
  #uncommittedMs = 0;
  #appended = false;
  #spokenItemId = newId('item');
  #reply: Reply | undefined;
  #spoke = false;
  /** Ends the turn of one who stops sending. */
  #stalled: NodeJS.Timeout | undefined;

  constructor(session: LiveSession, send: Send, audio: SpokenAudio) {
    this.#session = session;
    this.#send = send;
    this.#audio = audio;
  }

  open(): void {
    this.#send({ type: 'session.created', session: this.#session.described });
  }

  message(text: string): void {
    const received = readClientEvent(text);
    if (!received.ok) {
      this.#refuse(received.problem, received.eventId);
      return;
    }
    const { event } = received;
    const problem = this.#handlers[event.type]?.(event);
    if (problem) this.#refuse(problem, typeof event['event_id'] === 'string' ? event['event_id'] : null);
  }

  heard(packet: Heard): void {
    const turns = this.#session.turns;
    const change = this.#speech.heard(packet, turns?.silenceMs ?? Infinity);
    if (turns === undefined) {
      if (change === 'stopped') this.#speech.take();
      return;
    }
    if (change === 'started') this.#speechStarted(turns);
    else if (change === 'stopped') this.#speechStopped();
    else if (this.#speech.speaking) this.#stalled?.refresh();
  }

  /** Says no more. */
  close(): void {
    clearTimeout(this.#stalled);
    this.#reply?.stop();
    this.#reply = undefined;
  }

  /** What it repeats of the client's words, it cuts off: a client may take less in a message than it sends. */
  #refuse({ code, message, param = null }: EventProblem, eventId: string | null): void {
    const error = {
      type: 'invalid_request_error',
      code,
      message: cutOff(message, REPEATED_CHARACTERS),
      param: cutOff(param, REPEATED_CHARACTERS),
      event_id: cutOff(eventId, REPEATED_CHARACTERS),
    };
    this.#send({ type: 'error', error });
  }

  #speechStarted({ silenceMs, interrupts }: { silenceMs: number; interrupts: boolean }): void {
    const at = { audio_start_ms: Math.round(this.#speech.startMs), item_id: this.#spokenItemId };
    this.#send({ type: 'input_audio_buffer.speech_started', ...at });
    if (interrupts) this.#cancel('turn_detected');
    clearTimeout(this.#stalled);
    this.#stalled = setTimeout(() => {
      this.#speechStopped();
    }, silenceMs);
  }

  #speechStopped(): void {
    clearTimeout(this.#stalled);
    const turn = this.#speech.take();
    const at = { audio_end_ms: Math.round(turn.endMs), item_id: this.#spokenItemId };
    this.#send({ type: 'input_audio_buffer.speech_stopped', ...at });
    this.#commit(turn);
    if (this.#session.turns?.answers === true) this.#answer();
  }

  #commit({ startMs, endMs }: Turn): void {
    const item = spokenItem(this.#spokenItemId);
    const previous = this.#items.lastId;
    this.#send({ type: 'input_audio_buffer.committed', previous_item_id: previous, item_id: idOf(item) });
    this.#say(item);
    if (this.#session.transcribes) {
      this.#send({
        type: 'conversation.item.input_audio_transcription.completed',
        item_id: idOf(item),
        content_index: 0,
        transcript: `(${((endMs - startMs) / 1000).toFixed(1)} seconds of sound)`,
        usage: { type: 'duration', seconds: Math.ceil((endMs - startMs) / 1000) },
      });
    }
    this.#uncommittedMs = this.#speech.atMs;
    this.#appended = false;
    this.#spokenItemId = newId('item');
  }

  /** Adds an item that is complete. */
  #say(item: ConversationItem, afterId?: unknown): void {
    const previous = typeof afterId === 'string' ? afterId : this.#items.lastId;
    this.#items.add(item, previous);
    this.#send({ type: 'conversation.item.added', previous_item_id: previous, item });
    this.#send({ type: 'conversation.item.done', previous_item_id: previous, item });
  }

  #answer(asked: Json = {}): void {
    if (this.#reply !== undefined || !this.#session.speaks) return;
    const [modality = this.#session.modality] = (asked['output_modalities'] ?? []) as Modality[];
    const text = this.#items.asked;
    const reply = new Reply(
      {
        modality,
        audio: this.#audio,
        text,
        heardWords: text.split(' ').length,
        previousItemId: this.#items.lastId,
        about: this.#about(asked, modality),
      },
      this.#send,
      () => {
        this.#replied(reply, 'completed');
      },
    );
    this.#reply = reply;
    this.#spoke ||= modality === 'audio';
    reply.start();
  }

  #about(asked: Json, modality: Modality): Partial<RealtimeResponse> {
    const { format, voice } = { ...this.#session.output, ...dig(asked, 'audio', 'output') };
    const name = (dig(voice)['id'] ?? voice) as string;
    return {
      conversation_id: this.#id,
      max_output_tokens:
        (asked['max_output_tokens'] as number | 'inf' | undefined) ?? this.#session.maxOutputTokens,
      metadata: (asked['metadata'] as Record<string, string> | undefined) ?? null,
      ...(modality === 'audio' && {
        audio: { output: { format: format as { type: 'audio/pcm' }, voice: name } },
      }),
    };
  }

  #replied(reply: Reply, status: 'completed' | 'incomplete'): void {
    this.#items.add(reply.item(status));
    this.#reply = undefined;
  }

  #cancel(reason: CancelReason): void {
    const reply = this.#reply;
    if (reply === undefined) return;
    reply.cancel(reason);
    this.#replied(reply, 'incomplete');
  }

  #update({ session }: ClientEvent): EventProblem | undefined {
    const refused = this.#session.update(session as Json, this.#spoke);
    if (refused) return refused;
    this.#send({ type: 'session.updated', session: this.#session.described });
    return undefined;
  }

  #create({ response }: ClientEvent): EventProblem | undefined {
    if (!this.#session.speaks)
      return { code: 'invalid_value', message: 'A transcription session answers nothing.' };
    if (this.#reply !== undefined) {
      const message = `Conversation already has an active response in progress: ${this.#reply.id}.`;
      return { code: 'conversation_already_has_active_response', message };
    }
    this.#answer(dig(response));
    return undefined;
  }

  #cancelAsked({ response_id }: ClientEvent): EventProblem | undefined {
    if (this.#reply === undefined || (response_id !== undefined && response_id !== this.#reply.id)) {
      return {
        code: 'response_cancel_not_active',
        message: 'Cancellation failed: no active response found.',
      };
    }
    this.#cancel('client_cancelled');
    return undefined;
  }

  #addItem({ item, previous_item_id }: ClientEvent): EventProblem | undefined {
    const given = item as ConversationItem & { id?: string };
    if (given.id !== undefined && this.#items.find(given.id)) {
      return { code: 'item_create_duplicate_id', param: 'item.id', message: 'The item is there already.' };
    }
    if (previous_item_id != null && previous_item_id !== 'root' && !this.#items.find(previous_item_id)) {
      return noItem('previous_item_id');
    }
    const whole = { ...given, id: given.id ?? newId('item'), object: 'realtime.item', status: 'completed' };
    this.#say(whole as ConversationItem, previous_item_id);
    return undefined;
  }

  #deleteItem({ item_id }: ClientEvent): EventProblem | undefined {
    if (!this.#items.find(item_id)) return noItem('item_id');
    this.#items.remove(item_id);
    this.#send({ type: 'conversation.item.deleted', item_id: String(item_id) });
    return undefined;
  }

  #retrieveItem({ item_id }: ClientEvent): EventProblem | undefined {
    const item = this.#items.find(item_id);
    if (!item) return noItem('item_id');
    this.#send({ type: 'conversation.item.retrieved', item });
    return undefined;
  }

  #truncateItem({ item_id, audio_end_ms }: ClientEvent): EventProblem | undefined {
    const item = this.#items.find(item_id);
    if (item?.type !== 'message' || item.role !== 'assistant') return noItem('item_id');
    const at = { item_id: String(item_id), content_index: 0, audio_end_ms: Number(audio_end_ms) };
    this.#send({ type: 'conversation.item.truncated', ...at });
    return undefined;
  }

  /** Audio that comes as a message counts as something to commit; it is not listened to. */
  #append({ audio }: ClientEvent): EventProblem | undefined {
    this.#appended ||= audio !== '';
    return undefined;
  }

  #commitAsked(): EventProblem | undefined {
    const endMs = this.#speech.atMs;
    if (!this.#appended && endMs <= this.#uncommittedMs) {
      const message = 'Error committing input audio buffer: buffer too small.';
      return { code: 'input_audio_buffer_commit_empty', message };
    }
    clearTimeout(this.#stalled);
    this.#speech.take();
    this.#commit({ startMs: this.#uncommittedMs, endMs });
    return undefined;
  }

  #clearInput(): EventProblem | undefined {
    clearTimeout(this.#stalled);
    this.#speech.take();
    this.#uncommittedMs = this.#speech.atMs;
    this.#appended = false;
    this.#send({ type: 'input_audio_buffer.cleared' });
    return undefined;
  }

  #clearOutput(): EventProblem | undefined {
    this.#cancel('client_cancelled');
    return undefined;
  }
}

function noItem(param: string): EventProblem {
  return { code: 'item_not_found', param, message: 'There is no such item in the conversation.' };
}
