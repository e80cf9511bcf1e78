import { now } from '../support/clock.ts';
import type { ServerEvent } from './call.ts';

/** What is kept; older lines go. */
export const MAX_LINES = 60;
export const MAX_EVENTS = 120;
/** Of one event, as it is shown. */
const MAX_SHOWN = 2_000;
const WRITTEN = 'written';

export interface Line {
  id: string;
  who: 'you' | 'model';
  text: string;
}

export interface EventRow {
  id: number;
  /** Unix milliseconds. */
  at: number;
  sent: boolean;
  type: string;
  /** How many of the same type came in a row. */
  times: number;
  /** The last of them, as JSON. */
  json: string;
}

/** A line grows with its deltas, and ends as its last event has it. */
export function withSaid(lines: readonly Line[], event: ServerEvent): readonly Line[] {
  const said = saidBy(event);
  if (said === undefined) return lines;
  const { who, part, whole } = said;
  const id = `${who} ${String(event['item_id'])}`;
  const known = lines.find((line) => line.id === id);
  const text = whole ?? (known?.text ?? '') + (part ?? '');
  const line = { id, who, text };
  return known === undefined
    ? [...lines, line].slice(-MAX_LINES)
    : lines.map((each) => (each === known ? line : each));
}

/** What was sent in writing comes back as no event that says it. */
export function withWritten(lines: readonly Line[], text: string): readonly Line[] {
  const count = lines.filter(({ id }) => id.startsWith(WRITTEN)).length;
  return [...lines, { id: `${WRITTEN} ${now()} ${count}`, who: 'you' as const, text }].slice(-MAX_LINES);
}

type Said = Pick<Line, 'who'> & { part?: string; whole?: string };

const READERS: Readonly<Record<string, (event: ServerEvent) => Said>> = {
  'conversation.item.input_audio_transcription.delta': (event) => ({
    who: 'you',
    part: text(event['delta']),
  }),
  'conversation.item.input_audio_transcription.completed': (event) => ({
    who: 'you',
    whole: text(event['transcript']),
  }),
  'response.output_audio_transcript.delta': (event) => ({ who: 'model', part: text(event['delta']) }),
  'response.output_audio_transcript.done': (event) => ({ who: 'model', whole: text(event['transcript']) }),
  'response.output_text.delta': (event) => ({ who: 'model', part: text(event['delta']) }),
  'response.output_text.done': (event) => ({ who: 'model', whole: text(event['text']) }),
};

function saidBy(event: ServerEvent): Said | undefined {
  return READERS[event.type]?.(event);
}

/** The last ones; those of one type in a row are one. */
export function withEvent(rows: readonly EventRow[], event: ServerEvent, sent: boolean): readonly EventRow[] {
  const last = rows.at(-1);
  const same = last?.type === event.type && last.sent === sent;
  const row = {
    id: same ? last.id : (last?.id ?? 0) + 1,
    at: now(),
    sent,
    type: event.type,
    times: same ? last.times + 1 : 1,
    json: JSON.stringify(event, null, 2).slice(0, MAX_SHOWN),
  };
  return [...(same ? rows.slice(0, -1) : rows), row].slice(-MAX_EVENTS);
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
