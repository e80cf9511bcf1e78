import type { IncomingMessage, ServerResponse } from 'node:http';

import { refusal } from './envelope.ts';
import type { Refusal } from './envelope.ts';
import { areFaults, faultProblem } from './faults.ts';
import { isFingerprint } from './keys.ts';
import { forgetSeen, seenBy } from './provider.ts';
import type { ProviderState } from './provider.ts';
import { isObject } from './shape.ts';
import { parseJson, readBody, sendJson, sendRefusal } from './wire.ts';

export const CONTROL_PREFIX = '/__simulator';

interface Command {
  state: ProviderState;
  /** Undefined when the request had no body. */
  json: unknown;
  query: URLSearchParams;
}

interface Reply {
  status: number;
  body?: unknown;
}

type Handler = (command: Command) => Reply | Refusal | Promise<Reply>;

const DONE: Reply = { status: 204 };

const ROUTES: Record<string, Partial<Record<string, Handler>>> = {
  '/faults': { POST: addFaults, DELETE: clearFaults },
  '/revoked': { POST: revoke, DELETE: restore },
  '/seen': { GET: seen, DELETE: forget },
  '/calls': { DELETE: hangUpAll },
};

export async function serveControl(
  state: ProviderState,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const body = await readBody(request);
  if (body.kind === 'gone') return;
  if (body.kind === 'too_large') {
    sendRefusal(response, refusal(413, 'The request body is larger than 1 MiB.'));
    return;
  }
  const json = body.bytes.length === 0 ? { ok: true as const, value: undefined } : parseJson(body.bytes);
  const handler = handlerOf(request.method ?? '', url.pathname.slice(CONTROL_PREFIX.length));
  if (typeof handler !== 'function') sendRefusal(response, handler);
  else if (!json.ok) sendRefusal(response, refusal(400, 'The body is not JSON.'));
  else send(response, await handler({ state, json: json.value, query: url.searchParams }));
}

function handlerOf(method: string, path: string): Handler | Refusal {
  const route = Object.hasOwn(ROUTES, path) ? ROUTES[path] : undefined;
  if (!route) return refusal(404, `No such control: ${path}`);
  const handler = Object.hasOwn(route, method) ? route[method] : undefined;
  if (handler) return handler;
  return { ...refusal(405, `Not a control: ${method}`), headers: { allow: Object.keys(route).join(', ') } };
}

function send(response: ServerResponse, reply: Reply | Refusal): void {
  if ('error' in reply) sendRefusal(response, reply);
  else if (reply.body === undefined) response.writeHead(reply.status).end();
  else sendJson(response, reply.status, reply.body);
}

function addFaults({ state, json }: Command): Reply | Refusal {
  if (!areFaults(json)) {
    const problem = faultProblem(json);
    return refusal(400, problem?.message ?? 'Not a list of faults.', { param: problem?.param });
  }
  state.faults.add(json);
  return DONE;
}

function clearFaults({ state }: Command): Reply {
  state.faults.clear();
  return DONE;
}

function namedKey(json: unknown): string | undefined {
  const fingerprint = isObject(json) ? json['key_fingerprint'] : undefined;
  return isFingerprint(fingerprint) ? fingerprint : undefined;
}

function revoke({ state, json }: Command): Reply | Refusal {
  const fingerprint = namedKey(json);
  if (fingerprint === undefined) return notAFingerprint();
  state.revoked.add(fingerprint);
  return DONE;
}

function restore({ state, json }: Command): Reply | Refusal {
  const fingerprint = namedKey(json);
  if (fingerprint !== undefined) state.revoked.delete(fingerprint);
  else if (json === undefined) state.revoked.clear();
  else return notAFingerprint();
  return DONE;
}

function notAFingerprint(): Refusal {
  return refusal(400, 'Expected a key_fingerprint: sha256:<16 hex digits>.', { param: 'key_fingerprint' });
}

function seen({ state, query }: Command): Reply {
  return { status: 200, body: seenBy(state, query.get('log') !== '0') };
}

function forget({ state }: Command): Reply {
  forgetSeen(state);
  return DONE;
}

async function hangUpAll({ state }: Command): Promise<Reply> {
  await state.calls.hangUpAll();
  return DONE;
}
