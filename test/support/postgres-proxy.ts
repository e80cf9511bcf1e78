import { type Dialect, HoldingProxy, type Piece } from './holding-proxy.ts';

/** A proxy that knows which statement passes: `hold('after', 'reserve_sessions')` keeps back its commit's answer. */
export function startPostgresProxy(url: string): Promise<HoldingProxy> {
  return HoldingProxy.start(Number(new URL(url).port || 5432), postgresDialect);
}

/**
 * A client's messages up to its Sync are one piece, labelled with the statement's name and text; so is all that the
 * server answers to them, up to ReadyForQuery, which it sends after the commit.
 */
function postgresDialect(): Dialect {
  const texts = new Map<string, string>();
  const asked: string[] = [];
  const requests = messages({ startsUntyped: true });
  const answers = messages({ startsUntyped: false });
  let group: Buffer[] = [];
  let label: string | undefined;
  let answer: Buffer[] = [];

  const before = (chunk: Buffer): Piece[] =>
    requests(chunk).flatMap(({ type, bytes }) => {
      label ??= labelOf(type, bytes, texts);
      group.push(bytes);
      if (CONTINUED.has(type)) return [];
      const piece: Piece = { bytes: Buffer.concat(group), ...(label !== undefined && { label }) };
      group = [];
      label = undefined;
      return [piece];
    });
  const after = (chunk: Buffer): Piece[] =>
    answers(chunk).flatMap(({ type, bytes }) => {
      if (asked.length === 0) return [{ bytes }];
      answer.push(bytes);
      if (type !== 'Z') return [];
      const piece: Piece = { bytes: Buffer.concat(answer), label: asked.shift()! };
      answer = [];
      return [piece];
    });
  return { before, after, sent: (statement) => asked.push(statement) };
}

/** Parse, Bind, Describe, Execute, Close, Flush: more of the same request follows. */
const CONTINUED = new Set(['P', 'B', 'D', 'E', 'C', 'H']);

/** Name and text of the statement that a message brings or names. */
function labelOf(type: string, bytes: Buffer, texts: Map<string, string>): string | undefined {
  const strings = bytes.subarray(5).toString('utf8').split('\0', 2) as [string, string];
  if (type === 'Q') return strings[0];
  if (type === 'P') texts.set(...strings);
  const name = type === 'P' ? strings[0] : type === 'B' ? strings[1] : undefined;
  return name === undefined ? undefined : `${name} ${texts.get(name) ?? ''}`;
}

interface Message {
  /** Empty for the first of a client, which has none. */
  type: string;
  bytes: Buffer;
}

/** Whole messages, as they become complete. */
function messages({ startsUntyped }: { startsUntyped: boolean }): (chunk: Buffer) => Message[] {
  let rest = Buffer.alloc(0);
  let typeLength = startsUntyped ? 0 : 1;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const found: Message[] = [];
    while (rest.length >= typeLength + 4) {
      const length = typeLength + rest.readUInt32BE(typeLength);
      if (rest.length < length) break;
      found.push({
        type: rest.subarray(0, typeLength).toString('latin1'),
        bytes: Buffer.from(rest.subarray(0, length)),
      });
      rest = rest.subarray(length);
      typeLength = 1;
    }
    return found;
  };
}
