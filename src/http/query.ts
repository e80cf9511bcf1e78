import type { Static, TObject } from 'typebox';
import { invalidRequest } from '../common/app-error.ts';
import { requestChecker } from '../common/schema.ts';

/** A checker for a route's query string; numbers are written as decimal digits. */
export function queryChecker<S extends TObject>(schema: S): (query: unknown) => Static<S> {
  const check = requestChecker(schema);
  const numbers = Object.entries(schema.properties)
    .filter(([, property]) => (property as { type?: string }).type === 'integer')
    .map(([name]) => name);
  return (query) => {
    const values: Record<string, unknown> = { ...(query as object) };
    for (const name of numbers) {
      const text = values[name];
      if (typeof text === 'string' && /^\d{1,15}$/.test(text)) values[name] = Number(text);
    }
    return check(values);
  };
}

/** A keyset position as an opaque, URL-safe text: a time as digits, then the row's own names. */
export function encodeCursor(position: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(position.map(String))).toString('base64url');
}

export function decodeCursor(cursor: string | undefined, patterns: readonly RegExp[]): string[] | undefined {
  if (cursor === undefined) return undefined;
  try {
    const position: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(position) && matches(position, patterns)) return position;
  } catch {
    // not JSON: told below
  }
  throw invalidRequest([{ path: '/cursor', message: 'must be a next_cursor of an earlier answer' }]);
}

function matches(position: unknown[], patterns: readonly RegExp[]): position is string[] {
  return (
    position.length === patterns.length &&
    patterns.every((pattern, index) => typeof position[index] === 'string' && pattern.test(position[index]))
  );
}

export const TIME_PATTERN = '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,6})?(Z|[+-]\\d{2}:\\d{2})$';

/** A time in one spelling; refuses what only looks like one. */
export function checkTime(text: string | undefined, path: string): string | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (!(time >= 0)) throw invalidRequest([{ path, message: 'must be an RFC 3339 time since 1970' }]);
  return new Date(time).toISOString();
}
