import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Refusal } from './envelope.ts';

export const BODY_LIMIT = 1_048_576;

export type Body = { kind: 'bytes'; bytes: Buffer } | { kind: 'too_large' } | { kind: 'gone' };
export type Parsed = { ok: true; value: unknown } | { ok: false };

/** Reads to the end even past the limit: a client still sending would get a reset instead of the answer. */
export function readBody(request: IncomingMessage): Promise<Body> {
  return new Promise((resolve) => {
    let chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > BODY_LIMIT) chunks = [];
      else chunks.push(chunk);
    });
    request.on('end', () => {
      resolve(size > BODY_LIMIT ? { kind: 'too_large' } : { kind: 'bytes', bytes: Buffer.concat(chunks) });
    });
    request.on('error', () => {
      resolve({ kind: 'gone' });
    });
    request.on('close', () => {
      resolve({ kind: 'gone' });
    });
  });
}

export function parseJson(bytes: Buffer): Parsed {
  if (!isUtf8(bytes)) return { ok: false };
  try {
    return { ok: true, value: JSON.parse(bytes.toString('utf8')) as unknown };
  } catch {
    return { ok: false };
  }
}

export function isType(contentType: string | undefined, type: string): boolean {
  return contentType?.split(';')[0]?.trim().toLowerCase() === type;
}

export function sendText(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  sendText(response, status, 'application/json', JSON.stringify(body));
}

export function sendRefusal(response: ServerResponse, refused: Refusal): void {
  for (const [name, value] of Object.entries(refused.headers ?? {})) response.setHeader(name, value);
  sendJson(response, refused.status, { error: refused.error });
}

/** Resolves after the delay, or as soon as the client is gone. */
export function delayed(response: ServerResponse, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    response.once('close', done);
    function done(): void {
      clearTimeout(timer);
      response.off('close', done);
      resolve();
    }
  });
}
