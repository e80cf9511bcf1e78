import { RESPONSE_FIELDS, SESSION } from './ga-session.ts';
import {
  anything,
  byType,
  integer,
  isObject,
  listOf,
  literal,
  nullable,
  object,
  tagged,
  text,
} from './shape.ts';
import type { Check, Fields, Problem } from './shape.ts';

type Json = Record<string, unknown>;

export type ClientEvent = Json & { type: string };
export type Received =
  { ok: true; event: ClientEvent } | { ok: false; problem: EventProblem; eventId: string | null };

/** What is wrong with an event, as its `error` says it. */
export interface EventProblem {
  code: string;
  message: string;
  param?: string | null;
}

export const MAX_MESSAGE_BYTES = 65_536;

const EVENT: Fields = { type: text, event_id: text };
const ITEM: Fields = {
  type: text,
  id: text,
  object: literal('realtime.item'),
  status: literal('completed', 'incomplete', 'in_progress'),
};

const inputText = object({ type: text, text }, 'text');
const inputAudio = object({ type: text, audio: text, transcript: nullable(text) }, 'audio');
const inputImage = object(
  { type: text, image_url: text, detail: literal('auto', 'low', 'high') },
  'image_url',
);

const CONTENT: Record<string, Check> = {
  user: tagged('type', { input_text: inputText, input_audio: inputAudio, input_image: inputImage }),
  system: tagged('type', { input_text: inputText }),
  assistant: tagged('type', { output_text: inputText }),
};

function message(role: string): Check {
  const fields = { ...ITEM, role: text, content: listOf(CONTENT[role] ?? anything) };
  return object(fields, 'content');
}

const item = tagged('type', {
  message: tagged('role', {
    user: message('user'),
    system: message('system'),
    assistant: message('assistant'),
  }),
  function_call: object({ ...ITEM, call_id: text, name: text, arguments: text }, 'name', 'arguments'),
  function_call_output: object({ ...ITEM, call_id: text, output: text }, 'call_id', 'output'),
});

const input = listOf(byType({ object: anything }));

const EVENTS: Record<string, Check> = {
  'session.update': object({ ...EVENT, session: SESSION }, 'session'),
  'response.create': object({ ...EVENT, response: object({ ...RESPONSE_FIELDS, input }) }),
  'response.cancel': object({ ...EVENT, response_id: text }),
  'conversation.item.create': object({ ...EVENT, item, previous_item_id: nullable(text) }, 'item'),
  'conversation.item.delete': object({ ...EVENT, item_id: text }, 'item_id'),
  'conversation.item.retrieve': object({ ...EVENT, item_id: text }, 'item_id'),
  'conversation.item.truncate': object(
    { ...EVENT, item_id: text, content_index: integer(0, 0), audio_end_ms: integer(0, 86_400_000) },
    'item_id',
    'content_index',
    'audio_end_ms',
  ),
  'input_audio_buffer.append': object({ ...EVENT, audio: text }, 'audio'),
  'input_audio_buffer.commit': object(EVENT),
  'input_audio_buffer.clear': object(EVENT),
  'output_audio_buffer.clear': object(EVENT),
};

const anyEvent = tagged('type', EVENTS);

/** What the client says in one message. */
export function readClientEvent(message: string): Received {
  if (Buffer.byteLength(message) > MAX_MESSAGE_BYTES) {
    return wrong({ code: 'invalid_event', message: `An event is larger than ${MAX_MESSAGE_BYTES} bytes.` });
  }
  const event = parsed(message);
  if (!isObject(event)) return wrong({ code: 'invalid_event', message: 'The event is not a JSON object.' });
  const problem: Problem | undefined = anyEvent(event, '');
  if (!problem) return { ok: true, event: event as ClientEvent };
  return wrong(problem, typeof event['event_id'] === 'string' ? event['event_id'] : null);
}

function parsed(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}

function wrong(problem: EventProblem, eventId: string | null = null): Received {
  return { ok: false, problem, eventId };
}
