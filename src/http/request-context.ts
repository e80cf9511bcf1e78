import type { FastifyRequest } from 'fastify';
import type { ErrorCode, LimitState } from '../common/app-error.ts';
import type { RequestSpan } from '../telemetry/request-span.ts';

/** What the service itself knows of a request, beside what the client sent. */
export interface RequestContext {
  requestId: string;
  /** The client's address, as trusted proxies tell it; IPv4-mapped IPv6 as IPv4. */
  address: string;
  span: RequestSpan;
  /** The limit to report in the X-RateLimit headers. */
  limit?: LimitState;
  /** What a session route learned of its request, for the metrics. */
  session?: { project: string; flow: 'vault' | 'commercial'; replayed: boolean };
  errorCode?: ErrorCode;
  limitedBy?: string | undefined;
  /** The value of Access-Control-Allow-Origin, once a project allows one. */
  allowOrigin?: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    context: RequestContext;
  }
}

/** The route's template, which has one spelling where a URL has many; without a route the path as it was sent. */
export function pathOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? request.url.split('?', 1)[0] ?? '';
}

/** A header's one value; undefined when it is absent. Node joins repeated ones. */
export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** How often a header was sent: of some, Node shows only the first. */
export function countHeader({ raw: { rawHeaders } }: FastifyRequest, name: string): number {
  let count = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const sent = rawHeaders[index];
    if (sent?.length === name.length && sent.toLowerCase() === name) count += 1;
  }
  return count;
}

export const CLIENT_SECRETS_PATH = '/v1/realtime/client_secrets';
/** A POST to one of these opens a session. */
export const SESSION_PATHS: ReadonlySet<string> = new Set(['/session', CLIENT_SECRETS_PATH]);
