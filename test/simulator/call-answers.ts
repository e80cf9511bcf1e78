import type { ServerResponse } from 'node:http';

import type { Calls, MadeCall } from './calls.ts';
import { refusal } from './envelope.ts';
import type { Refusal } from './envelope.ts';
import { CALLS_PATH } from './routes.ts';
import type { Secret, Secrets } from './secrets.ts';
import { isType, sendRefusal } from './wire.ts';

const MAX_OFFER_BYTES = 65_536;

interface Offered {
  /** The secret as it was sent. */
  value: string | undefined;
  contentType: string | undefined;
  offer: Buffer;
}

/** Makes a call with a secret that was given out here, as often as the secret is sent while it is good. */
export async function answerCall(
  response: ServerResponse,
  { calls, secrets }: { calls: Calls; secrets: Secrets },
  offered: Offered,
): Promise<void> {
  const secret = secretOf(secrets, offered.value);
  const made = await makeWith(calls, secret, offered);
  if ('error' in made) {
    sendRefusal(response, made);
    return;
  }
  response.writeHead(201, {
    'content-type': 'application/sdp',
    'content-length': Buffer.byteLength(made.answer),
    location: `${CALLS_PATH}/${made.id}`,
  });
  response.end(made.answer);
}

/** What was given out here and is still good, or why it is not taken. */
export function secretOf(secrets: Secrets, value: string | undefined): Secret | Refusal {
  if (value === undefined) return refusal(401, 'Missing bearer authentication in header');
  return secrets.find(value) ?? refusal(401, 'Incorrect API key provided', { code: 'invalid_api_key' });
}

async function makeWith(
  calls: Calls,
  secret: Secret | Refusal,
  offered: Offered,
): Promise<MadeCall | Refusal> {
  if ('error' in secret) return secret;
  return unfit(offered) ?? (await calls.make(offered.offer.toString('utf8'), secret));
}

function unfit({ contentType, offer }: Offered): Refusal | undefined {
  if (!isType(contentType, 'application/sdp')) {
    const message = "This method only accepts 'application/sdp' requests.";
    return refusal(400, message, { code: 'unsupported_content_type' });
  }
  return offer.length > MAX_OFFER_BYTES ? refusal(413, 'The offer is larger than 64 KiB.') : undefined;
}

/** Ends a call that a secret of the same key made. */
export async function answerHangup(
  response: ServerResponse,
  calls: Calls,
  callId: string,
  keyFingerprint: string,
): Promise<void> {
  if (await calls.hangUp(callId, keyFingerprint)) {
    response.writeHead(200, { 'content-length': 0 }).end();
    return;
  }
  const message = 'No session found for the provided call_id';
  sendRefusal(response, refusal(404, message, { code: 'call_id_not_found', param: '' }));
}
