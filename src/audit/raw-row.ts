import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { AuditRow } from './audit-row.ts';

/** A stored row as text, nothing of it parsed: many are hashed in a second. */
export interface RawRow extends Omit<AuditRow, 'chain' | 'seq' | 'detail'> {
  seq: string;
  /** Milliseconds since 1970 as PostgreSQL writes a numeric, so that no part of a time is overlooked. */
  time: string;
  /** Null only where somebody took its constraint away. */
  detail: string | null;
}

export const RAW_COLUMNS = `seq, (extract(epoch FROM time) * 1000)::text AS time, event, project_hash, actor, actor_kind, ip,
  request_id, trace_id, outcome, session_id, detail::text AS detail, prev_hash, hash`;

export const FIRST_PREV_HASH = '0'.repeat(64);

const MAX_KEPT = 1_000;
const STRINGS = /"(?:[^"\\]|\\.)*"/g;
const NUMBERS = /-?\d[\d.]*/g;
const WHOLE = /^(\d{1,15})(?:\.0+)?$/;

/** Hashes rows. It keeps what rows have in common: a batch has one time, and many rows have one detail. */
export class RowHasher {
  readonly #details = new Map<string, string | undefined>();
  #time = '';
  #writtenTime: string | undefined;

  /** SHA-256 of the previous hash and the RFC 8785 JSON of the rest; undefined for what no writer could have written. */
  hash(chain: string, row: RawRow): string | undefined {
    const time = this.timeOf(row);
    const detail = this.#detailOf(row.detail);
    if (time === undefined || detail === undefined) return undefined;
    const text = `${row.prev_hash}{"actor":${json(row.actor)},"actor_kind":${json(row.actor_kind)},"chain":${json(chain)},"detail":${detail},"event":${json(row.event)},"ip":${json(row.ip)},"outcome":${json(row.outcome)},"project_hash":${json(row.project_hash)},"request_id":${json(row.request_id)},"seq":${row.seq},"session_id":${json(row.session_id)},"time":"${time}","trace_id":${json(row.trace_id)}}`;
    return hash('sha256', text, 'hex');
  }

  /** RFC 3339 in ms. */
  timeOf({ time }: RawRow): string | undefined {
    if (time !== this.#time) {
      this.#time = time;
      const whole = WHOLE.exec(time)?.[1];
      this.#writtenTime = whole === undefined ? undefined : new Date(Number(whole)).toISOString();
    }
    return this.#writtenTime;
  }

  #detailOf(text: string | null): string | undefined {
    if (text === null) return undefined;
    const known = this.#details.get(text);
    if (known !== undefined) return known;
    const written = isExact(text) ? canonicalize(JSON.parse(text)) : undefined;
    if (this.#details.size === MAX_KEPT) this.#details.clear();
    this.#details.set(text, written);
    return written;
  }
}

const json = JSON.stringify;

/** RFC 8785 has doubles, jsonb has any number: one that is not as a double is written was not hashed. */
function isExact(text: string): boolean {
  const numbers = text.replace(STRINGS, '').match(NUMBERS) ?? [];
  return numbers.every((number) => inFull(Number(number)) === number);
}

/** A double without an exponent, as PostgreSQL writes a numeric. */
function inFull(value: number): string {
  const [, sign = '', whole = '', fraction = '', exponent] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  if (exponent === undefined) return String(value);
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  return point >= digits.length
    ? `${sign}${digits.padEnd(point, '0')}`
    : `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
