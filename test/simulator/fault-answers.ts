import type { ServerResponse } from 'node:http';

import { refusalOfStatus } from './envelope.ts';
import type { Verdict } from './faults.ts';
import { mint } from './ga-answer.ts';
import type { Minted } from './ga-answer.ts';
import { sendJson, sendText } from './wire.ts';

type Kind = Verdict['kind'];
type Answers = { [K in Kind]?: (response: ServerResponse, fault: Extract<Verdict, { kind: K }>) => void };

const PIECE = 'x'.repeat(65_536);

const ANSWERS: Answers = {
  status: answerStatus,
  hangup: (response) => response.destroy(),
  hangup_mid_body: hangUpMidBody,
  garbage: (response) => {
    sendText(response, 200, 'application/json', '<html><body>upstream connect error</body></html>');
  },
  oversized: (response, fault) => {
    answerOversized(response, fault.bytes);
  },
  redirect: (response, fault) => {
    // 307 keeps the method and the body: a client that follows it sends everything to the other place.
    response.writeHead(307, { location: fault.location, 'content-length': 0 }).end();
  },
  never: () => undefined,
};

/** True when the fault took the place of the answer. */
export function answeredByFault(response: ServerResponse, verdict: Verdict | undefined): boolean {
  const answer = verdict && (ANSWERS[verdict.kind] as ((r: ServerResponse, f: Verdict) => void) | undefined);
  if (!verdict || !answer) return false;
  answer(response, verdict);
  return true;
}

/** The body of a good mint, spoilt when the fault says so. */
export function spoilt(minted: Minted, verdict: Verdict | undefined): unknown {
  if (verdict?.kind === 'expires_at') return { ...minted, expires_at: verdict.value };
  return verdict?.kind === 'no_value' ? { ...minted, value: undefined } : minted;
}

function answerStatus(response: ServerResponse, fault: Extract<Verdict, { kind: 'status' }>): void {
  if (fault.retryAfter !== undefined) response.setHeader('retry-after', String(fault.retryAfter));
  const body = fault.body === undefined ? { error: refusalOfStatus(fault.status).error } : fault.body;
  if (typeof body === 'string') sendText(response, fault.status, 'text/plain; charset=utf-8', body);
  else sendJson(response, fault.status, body);
}

function hangUpMidBody(response: ServerResponse): void {
  const body = JSON.stringify(mint({}));
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.write(body.slice(0, body.length >> 1), () => response.destroy());
}

/** A good answer but for its size, without a declared length: the reader has to count by itself. */
function answerOversized(response: ServerResponse, bytes: number): void {
  const tail = '"}';
  const head = `${JSON.stringify(mint({})).slice(0, -1)},"padding":"`;
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write(head);
  pour(response, Math.max(0, bytes - head.length - tail.length), tail);
}

function pour(response: ServerResponse, bytes: number, tail: string): void {
  let left = bytes;
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      const piece = left < PIECE.length ? PIECE.slice(0, left) : PIECE;
      left -= piece.length;
      if (!response.write(piece)) {
        response.once('drain', more);
        return;
      }
    }
    response.end(tail);
  };
  more();
}
