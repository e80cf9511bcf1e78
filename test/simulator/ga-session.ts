import {
  allOf,
  anyFieldOf,
  anything,
  byType,
  decimal,
  exactlyOne,
  flag,
  integer,
  isObject,
  listOf,
  literal,
  mapOf,
  matching,
  nullable,
  object,
  tagged,
  text,
} from './shape.ts';
import type { Check, Fields, Problem } from './shape.ts';

export const DEFAULT_TTL = 600;

export const VOICES = [
  'alloy',
  'ash',
  'ballad',
  'coral',
  'echo',
  'sage',
  'shimmer',
  'verse',
  'marin',
  'cedar',
] as const;

const EFFORTS = ['minimal', 'low', 'medium', 'high', 'xhigh'];

/** The provider's list of models is open, so only the form of the name is checked. */
const model = matching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/);
const milliseconds = integer(0, 3_600_000);
const strings = listOf(text);

const format = tagged(
  'type',
  {
    'audio/pcm': object({ type: text, rate: integer(24_000, 24_000) }),
    'audio/pcmu': object({ type: text }),
    'audio/pcma': object({ type: text }),
  },
  'audio/pcm',
);

const transcription = object({
  model,
  delay: literal(...EFFORTS),
  keywords: strings,
  language: text,
  languages: strings,
  prompt: text,
});

const turnDetection = tagged('type', {
  server_vad: object({
    type: text,
    create_response: flag,
    idle_timeout_ms: nullable(milliseconds),
    interrupt_response: flag,
    prefix_padding_ms: milliseconds,
    silence_duration_ms: milliseconds,
    threshold: decimal(0, 1),
  }),
  semantic_vad: object({
    type: text,
    create_response: flag,
    eagerness: literal('low', 'medium', 'high', 'auto'),
    interrupt_response: flag,
  }),
});

const audioInput = object({
  format,
  noise_reduction: nullable(
    object({ type: literal('near_field', 'far_field'), strength: decimal(0, Number.MAX_VALUE) }),
  ),
  transcription: nullable(transcription),
  turn_detection: nullable(turnDetection),
});

const audioOutput = object({
  format,
  speed: decimal(0.25, 1.5),
  voice: byType({
    string: literal(...VOICES),
    object: object({ id: matching(/^voice_[A-Za-z0-9_-]{1,128}$/) }, 'id'),
  }),
});

const toolFilter = object({ read_only: flag, tool_names: strings });

const mcpFields: Fields = {
  type: text,
  server_label: text,
  allowed_callers: nullable(listOf(literal('direct', 'programmatic'))),
  allowed_tools: nullable(byType({ array: strings, object: toolFilter })),
  authorization: text,
  connector_id: matching(/^connector_[a-z]+$/),
  defer_loading: flag,
  headers: nullable(mapOf(text)),
  require_approval: nullable(
    byType({ string: literal('always', 'never'), object: object({ always: toolFilter, never: toolFilter }) }),
  ),
  server_description: text,
  server_url: text,
  tunnel_id: text,
};

const tool = tagged(
  'type',
  {
    function: object({ type: text, name: text, description: text, parameters: mapOf(anything) }),
    mcp: allOf(object(mcpFields, 'server_label'), anyFieldOf('server_url', 'connector_id', 'tunnel_id')),
  },
  'function',
);

const toolChoice = byType({
  string: literal('none', 'auto', 'required'),
  object: tagged('type', {
    function: object({ type: text, name: text }, 'name'),
    mcp: object({ type: text, server_label: text, name: nullable(text) }, 'server_label'),
  }),
});

const tracing = byType({
  string: literal('auto'),
  object: object({ group_id: text, metadata: mapOf(anything), workflow_name: text }),
});

const retention = {
  type: text,
  retention_ratio: decimal(0, 1),
  token_limits: object({ post_instructions: integer(0, 10_000_000) }),
};

const truncation = byType({
  string: literal('auto', 'disabled'),
  object: tagged('type', { retention_ratio: object(retention, 'retention_ratio') }),
});

const storedPrompt = {
  id: text,
  variables: nullable(mapOf(byType({ string: text, object: mapOf(anything) }))),
  version: nullable(text),
};

const include = listOf(literal('item.input_audio_transcription.logprobs'));

const maxOutputTokens = byType({ number: integer(1, 4096), string: literal('inf') });
const modalities = exactlyOne(literal('text', 'audio'));
const prompt = nullable(object(storedPrompt, 'id'));
const reasoning = object({ effort: literal(...EFFORTS) });

const realtime: Fields = {
  type: text,
  audio: object({ input: audioInput, output: audioOutput }),
  include,
  instructions: text,
  max_output_tokens: maxOutputTokens,
  model,
  output_modalities: modalities,
  parallel_tool_calls: flag,
  prompt,
  reasoning,
  tool_choice: toolChoice,
  tools: listOf(tool),
  tracing: nullable(tracing),
  truncation,
};

const session = tagged('type', {
  realtime: object(realtime),
  transcription: object({ type: text, audio: object({ input: audioInput }), include }),
});

const request: Check = object({
  expires_after: object({ anchor: literal('created_at'), seconds: integer(10, 7200) }, 'anchor'),
  session,
});

/** What one response may ask for itself, beside its input. */
export const RESPONSE_FIELDS: Fields = {
  audio: object({ output: audioOutput }),
  conversation: literal('auto', 'none'),
  instructions: text,
  max_output_tokens: maxOutputTokens,
  metadata: nullable(mapOf(text)),
  output_modalities: modalities,
  parallel_tool_calls: flag,
  prompt,
  reasoning,
  tool_choice: toolChoice,
  tools: listOf(tool),
};

export const SESSION = session;

/** The first thing wrong with the body of a mint, in the provider's words. */
export function problemOf(body: unknown): Problem | undefined {
  return request(body, '');
}

type Json = Record<string, unknown>;

/** The object found by following the names, or an empty one. */
export function dig(value: unknown, ...names: string[]): Json {
  let at: unknown = value;
  for (const name of names) at = isObject(at) ? at[name] : undefined;
  return isObject(at) ? at : {};
}

/** What a request asked for, read leniently: refused requests are noted too. */
export interface Asked {
  model: string | null;
  voice: string | null;
  ttl: number | null;
}

export function askedOf(body: unknown): Asked {
  const { model: name } = dig(body, 'session');
  const { seconds } = dig(body, 'expires_after');
  return {
    model: typeof name === 'string' ? name : null,
    voice: voiceOf(body),
    ttl: seconds === undefined ? DEFAULT_TTL : Number.isInteger(seconds) ? Number(seconds) : null,
  };
}

function voiceOf(body: unknown): string | null {
  const { voice } = dig(body, 'session', 'audio', 'output');
  const name = isObject(voice) ? voice['id'] : voice;
  return typeof name === 'string' ? name : null;
}
