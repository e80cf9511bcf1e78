import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long a browser may remember the answer to its preflight, in seconds. */
const REMEMBERED_S = 600;
/** What browsers send with an offer: the last is of the provider's own SDK. */
const HEADERS = 'authorization, content-type, openai-safety-identifier, x-openai-agents-sdk';

/** A page of any origin may make a call and read where it is. */
export function allowAnyOrigin(response: ServerResponse): void {
  response.setHeader('access-control-allow-origin', '*');
  response.setHeader('access-control-expose-headers', 'location, x-request-id');
}

export function isPreflight({ method, headers }: IncomingMessage): boolean {
  return method === 'OPTIONS' && headers['access-control-request-method'] !== undefined;
}

export function answerPreflight(response: ServerResponse): void {
  allowAnyOrigin(response);
  response.writeHead(204, {
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': HEADERS,
    'access-control-max-age': String(REMEMBERED_S),
  });
  response.end();
}
