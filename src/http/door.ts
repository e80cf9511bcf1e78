import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Socket } from 'node:net';
import type { AppError } from '../common/app-error.ts';
import { TooBusyError } from '../common/submissions.ts';
import { countHeader, SESSION_PATHS } from './request-context.ts';

/** Shorter silences would only add up to more turns of the event loop. */
const MIN_SILENCE_MS = 50;
/** Made once: finding out where it is made costs more than to answer it. */
const BUSY = new TooBusyError();

/**
 * Asked about a request for a session when nothing but its headers has arrived. Undefined lets it in; else it is turned
 * away, and its connection is not heard for so many milliseconds.
 */
export type TurnAway = (authorization: string | undefined) => number | undefined;

/**
 * Refuses requests for a session that the service has no room for, before anything is paid for: a refusal here
 * costs a fraction of a session. Whoever brings a key, or an Authorization that nobody has judged, goes on to its 401.
 */
export function refusalAtTheDoor(
  request: FastifyRequest,
  reply: FastifyReply,
  turnAway: TurnAway,
): AppError | undefined {
  const { method, routeOptions, raw } = request;
  if (method !== 'POST' || !SESSION_PATHS.has(routeOptions.url ?? '')) return undefined;
  const { authorization, 'x-openai-api-key': key } = raw.headers;
  if (key !== undefined || countHeader(request, 'authorization') > 1) return undefined;
  const silence = turnAway(authorization);
  if (silence === undefined) return undefined;
  if (silence >= MIN_SILENCE_MS && !isShared(request)) {
    reply.raw.once('close', () => {
      silenceFor(silence, raw.socket);
    });
  }
  return BUSY;
}

/** A trusted proxy sends others' requests on the same connection, which have done nothing. */
function isShared({ ip, raw }: FastifyRequest): boolean {
  return ip !== raw.socket.remoteAddress;
}

function silenceFor(milliseconds: number, socket: Socket): void {
  // To be rid of an unread body, Node reads on once more after the answer.
  setImmediate(() => socket.pause());
  setTimeout(() => socket.resume(), milliseconds).unref();
}
