import type { FastifyReply, FastifyRequest } from 'fastify';
import { headerOf } from './request-context.ts';
import type { RouteTable } from './route-table.ts';

const CLIENT_ROUTES =
  /^\/(session(\/[^/]+(\/(heartbeat|release))?)?|v1\/realtime\/client_secrets|turn-credentials)$/;
const ALLOWED_HEADERS = ['authorization', 'content-type', 'idempotency-key', 'traceparent'];
/** What OpenAI's SDKs add. A wildcard cannot say it, so the asked-for names that match are allowed one by one. */
const SDK_HEADER = /^(openai|x-stainless)-[a-z0-9-]{1,40}$/;
const MAX_AGE_S = '600';
export const EXPOSED_HEADERS =
  'X-Request-Id, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset';

export function isClientRoute(path: string): boolean {
  return CLIENT_ROUTES.test(path);
}

/** Answers a preflight on a client route: any origin may ask, none with cookies. */
export function answerPreflight(request: FastifyRequest, reply: FastifyReply, routes: RouteTable): boolean {
  const path = request.url.split('?', 1)[0] ?? '';
  const asked = headerOf(request, 'access-control-request-headers');
  if (request.method !== 'OPTIONS' || !isClientRoute(path)) return false;
  if (headerOf(request, 'access-control-request-method') === undefined) return false;
  const sdkHeaders = (asked ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => SDK_HEADER.test(name));
  reply.status(204).headers({
    'access-control-allow-origin': '*',
    'access-control-allow-methods': (routes.methodsOf(request.url) ?? []).join(', '),
    'access-control-allow-headers': [...ALLOWED_HEADERS, ...new Set(sdkHeaders)].join(', '),
    'access-control-max-age': MAX_AGE_S,
    vary: 'Access-Control-Request-Headers',
  });
  reply.send();
  return true;
}
