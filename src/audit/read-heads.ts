import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { type SignedHead, toSignedHead } from './signed-head.ts';

const BATCH = 500;
/** Room for the heads of some hundred thousand chains. */
const MAX_LINE_LENGTH = 64 * 1024 * 1024;

/** What was given as signed heads holds none, or one that cannot be read. */
export class HeadInputError extends Error {}

/**
 * Signed heads from a file, from stdin (`-`) or as they are: a JSON object a line, which is one or has one as
 * `audit_head`. Other lines, as a log has them, are passed over.
 */
export async function* readHeads(input: string): AsyncGenerator<SignedHead[]> {
  let batch: SignedHead[] = [];
  let found = 0;
  let number = 0;
  for await (const line of linesOf(streamOf(input))) {
    number += 1;
    const head = headOf(line, number);
    if (head === undefined) continue;
    found += 1;
    batch.push(head);
    if (batch.length === BATCH) {
      yield batch;
      batch = [];
    }
  }
  if (found === 0) throw new HeadInputError('there is no signed head in what --head names');
  if (batch.length > 0) yield batch;
}

function streamOf(input: string): Readable {
  if (input === '-') return process.stdin.setEncoding('utf8');
  return input.trimStart().startsWith('{') ? Readable.from([input]) : createReadStream(input, 'utf8');
}

async function* linesOf(stream: AsyncIterable<string>): AsyncGenerator<string> {
  let begun: string[] = [];
  let length = 0;
  for await (const chunk of stream) {
    const [more = '', ...lines] = chunk.split('\n');
    begun.push(more);
    length += more.length;
    for (const line of lines) {
      yield begun.join('');
      begun = [line];
      length = line.length;
    }
    if (length > MAX_LINE_LENGTH) throw new HeadInputError('what --head names has a line that is too long');
  }
  yield begun.join('');
}

function headOf(line: string, number: number): SignedHead | undefined {
  const parsed = parse(line);
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  if (!('audit_head' in parsed) && !('signature' in parsed)) return undefined;
  const head = toSignedHead('audit_head' in parsed ? parsed.audit_head : parsed);
  if (head === undefined) throw new HeadInputError(`line ${number} of what --head names is no signed head`);
  return head;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
