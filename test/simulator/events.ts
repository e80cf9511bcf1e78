import { randomBytes } from 'node:crypto';

import type {
  ConversationItem,
  RealtimeAudioFormats,
  RealtimeResponse,
  RealtimeServerEvent,
  ResponseContentPartAddedEvent,
} from 'openai/resources/realtime/realtime';

type Unnamed<E> = E extends unknown ? Omit<E, 'event_id'> : never;

/** What the provider says, as its SDK types it; the id is given where it is sent. */
export type ServerEvent = Unnamed<RealtimeServerEvent>;
export type Send = (event: ServerEvent) => void;
export type { ConversationItem, RealtimeAudioFormats, RealtimeResponse };

export type Modality = 'audio' | 'text';
export type ItemStatus = 'completed' | 'incomplete' | 'in_progress';

export function newId(prefix: string): string {
  return `${prefix}_${randomBytes(12).toString('hex')}`;
}

export function idOf(item: ConversationItem): string {
  return ('id' in item ? item.id : undefined) ?? '';
}

/** What the user said, as an item; its transcript is told apart. */
export function spokenItem(id: string): ConversationItem {
  return {
    id,
    object: 'realtime.item',
    type: 'message',
    status: 'completed',
    role: 'user',
    content: [{ type: 'input_audio' }],
  };
}

/** What the model says; nothing yet when `said` is undefined. */
export function answerItem(
  id: string,
  status: ItemStatus,
  modality: Modality,
  said?: string,
): ConversationItem {
  const content =
    modality === 'audio'
      ? { type: 'output_audio' as const, transcript: said ?? '' }
      : { type: 'output_text' as const, text: said ?? '' };
  return {
    id,
    object: 'realtime.item',
    type: 'message',
    status,
    role: 'assistant',
    content: said === undefined ? [] : [content],
  };
}

export function contentPart(modality: Modality, said: string): ResponseContentPartAddedEvent.Part {
  return modality === 'audio' ? { type: 'audio', transcript: said } : { type: 'text', text: said };
}
