import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { type SignedHead, toSignedHead } from './signed-head.ts';

const BATCH = 500;

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
  for await (const line of createInterface({ input: streamOf(input), crlfDelay: Infinity })) {
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
  if (input === '-') return process.stdin;
  return input.trimStart().startsWith('{') ? Readable.from([input]) : createReadStream(input, 'utf8');
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
