import { randomBytes } from 'node:crypto';

import { askedOf, DEFAULT_TTL, dig } from './ga-session.ts';

type Json = Record<string, unknown>;

export interface Minted extends Json {
  value: string;
  expires_at: number;
  session: Json;
}

const DEFAULT_MODEL = 'gpt-realtime';
const DEFAULT_INSTRUCTIONS = 'You are a helpful voice assistant. Answer in short spoken sentences.';

export const REALTIME_MODELS = [
  'gpt-realtime',
  'gpt-realtime-2025-08-28',
  'gpt-realtime-1.5',
  'gpt-realtime-2',
  'gpt-realtime-2.1',
  'gpt-realtime-2.1-mini',
  'gpt-realtime-mini',
  'gpt-realtime-mini-2025-10-06',
  'gpt-realtime-mini-2025-12-15',
];

const MODELS_CREATED = 1_756_310_470;

function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

export function newRequestId(): string {
  return `req_${randomHex(16)}`;
}

/** The 200 answer to a body that was found good. */
export function mint(body: unknown): Minted {
  const asked = dig(body, 'session');
  const session = asked['type'] === 'transcription' ? transcriptionSession(asked) : realtimeSession(asked);
  const now = Math.floor(Date.now() / 1000);
  return {
    value: `ek_${randomHex(16)}`,
    expires_at: now + (askedOf(body).ttl ?? DEFAULT_TTL),
    session,
  };
}

function realtimeSession(asked: Json): Json {
  return {
    type: 'realtime',
    object: 'realtime.session',
    id: `sess_${randomHex(12)}`,
    model: DEFAULT_MODEL,
    output_modalities: ['audio'],
    instructions: DEFAULT_INSTRUCTIONS,
    tools: [],
    tool_choice: 'auto',
    max_output_tokens: 'inf',
    tracing: null,
    truncation: 'auto',
    prompt: null,
    include: null,
    ...asked,
    expires_at: 0,
    audio: { input: audioInput(asked), output: audioOutput(asked) },
  };
}

function transcriptionSession(asked: Json): Json {
  return {
    type: 'transcription',
    object: 'realtime.transcription_session',
    id: `sess_${randomHex(12)}`,
    expires_at: 0,
    include: null,
    ...asked,
    audio: { input: audioInput(asked) },
  };
}

function audioInput(asked: Json): Json {
  return {
    format: { type: 'audio/pcm', rate: 24_000 },
    transcription: null,
    noise_reduction: null,
    turn_detection: { type: 'server_vad' },
    ...dig(asked, 'audio', 'input'),
  };
}

function audioOutput(asked: Json): Json {
  const output = {
    format: { type: 'audio/pcm', rate: 24_000 },
    voice: 'alloy',
    speed: 1,
    ...dig(asked, 'audio', 'output'),
  };
  // The answer names a custom voice by its bare id.
  return { ...output, voice: askedOf({ session: asked }).voice ?? output.voice };
}

export function modelList(): Json {
  const data = REALTIME_MODELS.map((id) => ({
    id,
    object: 'model',
    created: MODELS_CREATED,
    owned_by: 'system',
  }));
  return { object: 'list', data };
}
