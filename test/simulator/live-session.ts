import type { SessionCreatedEvent } from 'openai/resources/realtime/realtime';

import type { EventProblem } from './client-events.ts';
import { newId } from './events.ts';
import { dig } from './ga-session.ts';

type Json = Record<string, unknown>;

const DEFAULT_SILENCE_MS = 500;

/** The session of one call: that of its secret, which the client may change. */
export class LiveSession {
  #fields: Json;

  constructor(minted: Json, endsAtMs: number) {
    this.#fields = { ...minted, id: newId('sess'), expires_at: Math.floor(endsAtMs / 1000) };
  }

  /** As `session.created` and `session.updated` say it. */
  get described(): SessionCreatedEvent['session'] {
    return this.#fields as unknown as SessionCreatedEvent['session'];
  }

  get speaks(): boolean {
    return this.#fields['type'] === 'realtime';
  }

  get modality(): 'audio' | 'text' {
    const modalities = this.#fields['output_modalities'];
    return Array.isArray(modalities) && modalities[0] === 'text' ? 'text' : 'audio';
  }

  get maxOutputTokens(): number | 'inf' {
    const most = this.#fields['max_output_tokens'];
    return typeof most === 'number' ? most : 'inf';
  }

  get output(): Json {
    return dig(this.#fields, 'audio', 'output');
  }

  get transcribes(): boolean {
    return dig(this.#fields, 'audio', 'input')['transcription'] != null;
  }

  /** Undefined when turns are the client's business. */
  get turns(): { silenceMs: number; answers: boolean; interrupts: boolean } | undefined {
    const detection = dig(this.#fields, 'audio', 'input')['turn_detection'];
    if (detection == null) return undefined;
    const asked = dig(detection);
    return {
      silenceMs: Number(asked['silence_duration_ms'] ?? DEFAULT_SILENCE_MS),
      answers: asked['create_response'] !== false,
      interrupts: asked['interrupt_response'] !== false,
    };
  }

  /** Changes what is named, and leaves the rest; or says what cannot be changed. */
  update(changes: Json, spoke: boolean): EventProblem | undefined {
    const refused = this.#fixed(changes, spoke);
    if (refused) return refused;
    const parts = ['input', 'output'].filter((part) => this.#audio[part] !== undefined);
    const audio = parts.map((part) => [part, { ...dig(this.#audio, part), ...dig(changes, 'audio', part) }]);
    this.#fields = { ...this.#fields, ...changes, audio: Object.fromEntries(audio) as Json };
    return undefined;
  }

  get #audio(): Json {
    return dig(this.#fields, 'audio');
  }

  #fixed(changes: Json, spoke: boolean): EventProblem | undefined {
    for (const name of ['type', 'model']) {
      if (changes[name] !== undefined && changes[name] !== this.#fields[name]) {
        return {
          code: 'invalid_value',
          param: `session.${name}`,
          message: `Cannot change a session's ${name}.`,
        };
      }
    }
    const { voice } = dig(changes, 'audio', 'output');
    if (!spoke || voice === undefined || voice === this.output['voice']) return undefined;
    const message = 'Cannot update a conversation’s voice if assistant audio is present.';
    return { code: 'cannot_update_voice', param: 'session.audio.output.voice', message };
  }
}
