import type { IncomingMessage, ServerResponse } from 'node:http';

import { answerCall, answerHangup } from './call-answers.ts';
import type { Calls } from './calls.ts';
import { allowAnyOrigin, answerPreflight, isPreflight } from './cross-origin.ts';
import { cutOff } from './cut-off.ts';
import { refusal } from './envelope.ts';
import type { Refusal } from './envelope.ts';
import { answeredByFault, spoilt } from './fault-answers.ts';
import type { Faults, Verdict } from './faults.ts';
import { mint, modelList, newRequestId } from './ga-answer.ts';
import { askedOf, problemOf } from './ga-session.ts';
import { bearerOf, readCredential } from './keys.ts';
import type { Credential } from './keys.ts';
import { routeOf } from './routes.ts';
import type { Route, RouteName } from './routes.ts';
import type { Secrets } from './secrets.ts';
import { NOTED_CHARACTERS } from './sightings.ts';
import type { Seen, Sighting, Sightings } from './sightings.ts';
import { delayed, isType, parseJson, readBody, sendJson, sendRefusal } from './wire.ts';
import type { Body, Parsed } from './wire.ts';

export interface ProviderState {
  faults: Faults;
  sightings: Sightings;
  revoked: Set<string>;
  secrets: Secrets;
  calls: Calls;
  onRequest: (sighting: Sighting) => void;
}

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  path: string;
  route: Route | undefined;
  credential: Credential | undefined;
  sighting: Sighting;
  /** Notes the status with which it ended, once: that of the response, unless this is called before. */
  settle: (status: number) => void;
}

interface Received {
  body: Body;
  json: Parsed;
}

/** A broker has no business sending these to a provider. */
const FORBIDDEN_HEADERS = ['traceparent', 'tracestate', 'baggage', 'cookie', 'x-forwarded-for'];

const WITH_A_SECRET: ReadonlySet<RouteName> = new Set(['calls', 'realtime']);

const NOT_JSON: Parsed = { ok: false };

export async function serveProvider(
  state: ProviderState,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const route = routeOf(path);
  if (route?.name === 'calls' && isPreflight(request)) {
    answerPreflight(response);
    return;
  }
  const exchange = begin(state, request, response, path, route);
  // Faults strike once the request was received whole: the sender cannot know what became of it.
  const body = await readBody(request);
  const received = { body, json: body.kind === 'bytes' ? parseJson(body.bytes) : NOT_JSON };
  note(exchange, received);
  state.onRequest(exchange.sighting);
  if (body.kind === 'gone') return;

  const verdict = await nextVerdict(state.faults, exchange);
  if (response.destroyed || answeredByFault(response, verdict)) return;

  const refused = gate(exchange, state.revoked) ?? unfit(exchange, received);
  if (refused) sendRefusal(response, refused);
  else await answer(state, exchange, received, verdict);
}

export function begin(
  state: ProviderState,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  route: Route | undefined,
): Exchange {
  const credential = readCredential(request.headers.authorization);
  const sighting: Sighting = {
    at: Date.now(),
    key_fingerprint: credential?.fingerprint ?? null,
    path: cutOff(path, NOTED_CHARACTERS),
    status: 0,
    session_model: null,
    voice: null,
    ttl: null,
    forbidden_headers: FORBIDDEN_HEADERS.filter((name) => request.headers[name] !== undefined),
    fault: null,
  };
  const settle = settling(state.sightings.begin(sighting), isMint(route) && request.method === 'POST');
  response.setHeader('x-request-id', newRequestId());
  if (route?.name === 'calls') allowAnyOrigin(response);
  response.once('close', () => {
    settle(response.writableFinished ? response.statusCode : 0);
  });
  return { request, response, path, route, credential, sighting, settle };
}

function settling(note: (status: number, minted: boolean) => void, mints: boolean): Exchange['settle'] {
  let settled = false;
  return (status) => {
    if (!settled) note(status, mints && status === 200);
    settled = true;
  };
}

function isMint(route: Route | undefined): boolean {
  return route?.name === 'client_secrets';
}

function note({ route, sighting }: Exchange, { json }: Received): void {
  if (!isMint(route) || !json.ok) return;
  const asked = askedOf(json.value);
  sighting.session_model = cutOff(asked.model, NOTED_CHARACTERS);
  sighting.voice = cutOff(asked.voice, NOTED_CHARACTERS);
  sighting.ttl = asked.ttl;
}

export async function nextVerdict(faults: Faults, exchange: Exchange): Promise<Verdict | undefined> {
  const { route, response, sighting } = exchange;
  const plan = faults.take({ fingerprint: sighting.key_fingerprint, route: route?.name });
  sighting.fault = plan.verdict?.kind ?? (plan.delayMs > 0 ? 'latency' : null);
  if (plan.delayMs > 0) await delayed(response, plan.delayMs);
  return plan.verdict;
}

/** What is checked of every request, whatever it asks for. */
export function gate(
  { request, path, route, credential }: Exchange,
  revoked: Set<string>,
): Refusal | undefined {
  const { method = '' } = request;
  if (route === undefined) return refusal(404, `Invalid URL (${method} ${path})`);
  if (method !== route.method) return wrongMethod(method, route.method);
  // A call is made with a secret: who makes it looks at that.
  const keyless = WITH_A_SECRET.has(route.name) ? undefined : keyRefusal(credential, revoked);
  return keyless ?? betaRefusal(request.headers['openai-beta']);
}

function wrongMethod(method: string, allow: string): Refusal {
  const message = `Not allowed to ${method} here; the method is ${allow}.`;
  return { ...refusal(405, message, { code: 'method_not_supported' }), headers: { allow } };
}

function keyRefusal(credential: Credential | undefined, revoked: Set<string>): Refusal | undefined {
  if (!credential) return refusal(401, 'Missing bearer authentication in header');
  if (credential.wellFormed && !revoked.has(credential.fingerprint)) return undefined;
  return refusal(401, 'Incorrect API key provided', { code: 'invalid_api_key' });
}

function betaRefusal(header: string | string[] | undefined): Refusal | undefined {
  const features = String(header ?? '').split(',');
  if (!features.some((feature) => feature.trim() === 'realtime=v1')) return undefined;
  const message = 'The Realtime Beta API is no longer supported. Please use the GA API shape.';
  return refusal(400, message, { code: 'beta_api_shape_disabled' });
}

/** Why it cannot be served. */
function unfit({ request, route }: Exchange, { body, json }: Received): Refusal | undefined {
  const isRead = isMint(route) || route?.name === 'calls';
  if (isRead && body.kind === 'too_large') return refusal(413, 'The request body is larger than 1 MiB.');
  if (route?.name === 'realtime') {
    const refused = refusal(426, 'This is opened as a WebSocket.');
    return { ...refused, headers: { upgrade: 'websocket' } };
  }
  return isMint(route) ? unfitMint(request, json) : undefined;
}

function unfitMint(request: IncomingMessage, json: Parsed): Refusal | undefined {
  if (!isType(request.headers['content-type'], 'application/json')) {
    return refusal(400, "This method only accepts 'application/json' requests.", {
      code: 'unsupported_content_type',
    });
  }
  if (!json.ok) return refusal(400, 'We could not parse the JSON body of your request.');
  const problem = problemOf(json.value);
  return problem && refusal(400, problem.message, { code: problem.code, param: problem.param || null });
}

async function answer(
  state: ProviderState,
  { request, response, route, sighting }: Exchange,
  { body, json }: Received,
  verdict: Verdict | undefined,
): Promise<void> {
  const fingerprint = sighting.key_fingerprint ?? '';
  if (isMint(route) && json.ok) {
    const minted = mint(json.value);
    state.secrets.keep(minted, fingerprint);
    sendJson(response, 200, spoilt(minted, verdict));
  } else if (route?.name === 'calls' && body.kind === 'bytes') {
    const { authorization, 'content-type': contentType } = request.headers;
    await answerCall(response, state, { value: bearerOf(authorization), contentType, offer: body.bytes });
  } else if (route?.name === 'hangup') {
    await answerHangup(response, state.calls, route.callId, fingerprint);
  } else sendJson(response, 200, modelList());
}

/** What was seen so far, and the calls. */
export function seenBy({ sightings, calls }: ProviderState, withLog = true): Seen {
  return { ...sightings.seen(withLog), calls: calls.counts() };
}

export function forgetSeen({ sightings, calls }: ProviderState): void {
  sightings.reset();
  calls.reset();
}
