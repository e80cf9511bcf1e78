import { createHmac } from 'node:crypto';
import type { TurnSecret } from '../vault/turn-secret.ts';

/** The one place where a secret's text comes out: everything that is made of it is made here. */
function textOf(secret: TurnSecret): string {
  return secret.reveal();
}

/** TURN REST: `base64(HMAC-SHA1(secret, username))`, the username beginning with its unix time of expiry. */
export function signedCredential(secret: TurnSecret, username: string): string {
  return createHmac('sha1', textOf(secret)).update(username).digest('base64');
}

/** Of a relay that has one credential for all, which is the secret. */
export function sharedCredential(secret: TurnSecret): string {
  return textOf(secret);
}

export function authorizationOf(secret: TurnSecret): string {
  return `Bearer ${textOf(secret)}`;
}

/** Whether a JSON text tells the secret. */
export function isInJson(json: string, secret: TurnSecret): boolean {
  return json.includes(JSON.stringify(textOf(secret)).slice(1, -1));
}
