import type { IncomingMessage, ServerResponse } from 'node:http';

import { refusal } from './envelope.ts';
import type { Refusal } from './envelope.ts';
import { answeredByFault, spoilt } from './fault-answers.ts';
import type { Faults, Verdict } from './faults.ts';
import { mint, modelList, newRequestId } from './ga-answer.ts';
import { askedOf, problemOf } from './ga-session.ts';
import { readCredential } from './keys.ts';
import type { Credential } from './keys.ts';
import type { Sighting, Sightings } from './sightings.ts';
import { delayed, isJson, parseJson, readBody, sendJson, sendRefusal } from './wire.ts';
import type { Body, Parsed } from './wire.ts';

export interface ProviderState {
  faults: Faults;
  sightings: Sightings;
  revoked: Set<string>;
  onRequest: (sighting: Sighting) => void;
}

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  path: string;
  credential: Credential | undefined;
  sighting: Sighting;
}

interface Received {
  body: Body;
  json: Parsed;
}

const MINT_PATH = '/v1/realtime/client_secrets';
const METHODS = new Map([
  [MINT_PATH, 'POST'],
  ['/v1/models', 'GET'],
]);

/** A broker has no business sending these to a provider. */
const FORBIDDEN_HEADERS = ['traceparent', 'tracestate', 'baggage', 'cookie', 'x-forwarded-for'];

const NOT_JSON: Parsed = { ok: false };

export async function serveProvider(
  state: ProviderState,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const exchange = begin(state, request, response, path);
  // Faults strike once the request was received whole: the sender cannot know what became of it.
  const body = await readBody(request);
  const received = { body, json: body.kind === 'bytes' ? parseJson(body.bytes) : NOT_JSON };
  note(exchange, received);
  state.onRequest(exchange.sighting);
  if (body.kind === 'gone') return;

  const verdict = await nextVerdict(state.faults, exchange);
  if (response.destroyed || answeredByFault(response, verdict)) return;

  const refused =
    gate(exchange, state.revoked) ?? (path === MINT_PATH ? unfit(request, received) : undefined);
  if (refused) sendRefusal(response, refused);
  else answer(exchange, received, verdict);
}

function begin(
  state: ProviderState,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Exchange {
  const credential = readCredential(request.headers.authorization);
  const sighting: Sighting = {
    at: Date.now(),
    key_fingerprint: credential?.fingerprint ?? null,
    path,
    status: 0,
    session_model: null,
    voice: null,
    ttl: null,
    forbidden_headers: FORBIDDEN_HEADERS.filter((name) => request.headers[name] !== undefined),
    fault: null,
  };
  const settle = state.sightings.begin(sighting);
  response.setHeader('x-request-id', newRequestId());
  response.once('close', () => {
    const status = response.writableFinished ? response.statusCode : 0;
    settle(status, status === 200 && path === MINT_PATH && request.method === 'POST');
  });
  return { request, response, path, credential, sighting };
}

function note({ path, sighting }: Exchange, { json }: Received): void {
  if (path !== MINT_PATH || !json.ok) return;
  const asked = askedOf(json.value);
  sighting.session_model = asked.model;
  sighting.voice = asked.voice;
  sighting.ttl = asked.ttl;
}

async function nextVerdict(faults: Faults, exchange: Exchange): Promise<Verdict | undefined> {
  const { path, response, sighting } = exchange;
  const plan = faults.take({ fingerprint: sighting.key_fingerprint, mint: path === MINT_PATH });
  sighting.fault = plan.verdict?.kind ?? (plan.delayMs > 0 ? 'latency' : null);
  if (plan.delayMs > 0) await delayed(response, plan.delayMs);
  return plan.verdict;
}

/** What is checked of every request, whatever it asks for. */
function gate({ request, path, credential }: Exchange, revoked: Set<string>): Refusal | undefined {
  const { method = '' } = request;
  const allow = METHODS.get(path);
  if (allow === undefined) return refusal(404, `Invalid URL (${method} ${path})`);
  if (method !== allow) return wrongMethod(method, allow);
  return keyRefusal(credential, revoked) ?? betaRefusal(request.headers['openai-beta']);
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

/** Why the body of a mint cannot be served. */
function unfit(request: IncomingMessage, { body, json }: Received): Refusal | undefined {
  if (body.kind === 'too_large') return refusal(413, 'The request body is larger than 1 MiB.');
  if (!isJson(request.headers['content-type'])) {
    return refusal(400, "This method only accepts 'application/json' requests.", {
      code: 'unsupported_content_type',
    });
  }
  if (!json.ok) return refusal(400, 'We could not parse the JSON body of your request.');
  const problem = problemOf(json.value);
  return problem && refusal(400, problem.message, { code: problem.code, param: problem.param || null });
}

function answer({ path, response }: Exchange, { json }: Received, verdict: Verdict | undefined): void {
  if (path === MINT_PATH && json.ok) sendJson(response, 200, spoilt(mint(json.value), verdict));
  else sendJson(response, 200, modelList());
}
