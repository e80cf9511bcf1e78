import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Socket } from 'node:net';
import { AppError } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import { newRequestId } from '../common/ids.ts';
import type { Settings } from '../config/load-settings.ts';
import { normalAddress, trustedProxy } from './address.ts';
import { answerPreflight, EXPOSED_HEADERS, isClientRoute } from './cors.ts';
import { errorAnswer, rateLimitHeaders } from './error-answer.ts';
import { headerOf, type RequestContext, traceIdOf } from './request-context.ts';
import type { RouteTable } from './route-table.ts';

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 65_000;
const MAX_HEADER_BYTES = 16 * 1024;

/** A finished request, as the access log and the metrics see it: the route's template, never the URL. */
export interface FinishedRequest {
  requestId: string;
  method: string;
  route: string;
  status: number;
  milliseconds: number;
  context: RequestContext | undefined;
}

export interface HttpOptions {
  settings: Settings;
  clock: Clock;
  routes: RouteTable;
  onFinished: (request: FinishedRequest) => void;
}

/** Fastify under Nest, with what surrounds every request: ids, Host check, preflight, headers, limits of Node. */
export function createFastify({ settings, clock, routes, onFinished }: HttpOptions): FastifyAdapter {
  const adapter = new FastifyAdapter({
    logger: false,
    trustProxy: settings.trustProxy.length > 0 ? trustedProxy(settings.trustProxy) : false,
    genReqId: () => newRequestId(clock.now()),
    requestIdHeader: false,
    exposeHeadRoutes: false,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // While draining, requests on open connections are still answered, and told to close.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    http: { maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: HEADERS_TIMEOUT_MS },
    frameworkErrors: (_error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      const error = new AppError('invalid_request', 'The URL is not valid.');
      const answer = errorAnswer(error, request.id, '', clock.now());
      reply.status(answer.status).headers({ 'x-request-id': request.id, 'cache-control': 'no-store' });
      reply.send(answer.body);
    },
    clientErrorHandler: (error: Error & { code?: string }, socket: Socket) => {
      answerBrokenRequest(error, socket, newRequestId(clock.now()));
    },
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  const hosts = settings.hosts ?? (settings.production ? undefined : LOOPBACK_NAMES);
  fastify.removeAllContentTypeParsers();
  // Bodies are read by the handlers, after it is known who sends them.
  fastify.addContentTypeParser('*', (_request, _payload, done) => {
    done(null);
  });
  fastify.decorateRequest('context');
  fastify.addHook('onRoute', ({ method, url }) => {
    routes.add(method, url);
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    request.context = {
      requestId: request.id,
      address: normalAddress(request.ip),
      traceId: traceIdOf(headerOf(request, 'traceparent')),
    };
    if (!isServedHost(hosts, request)) {
      const error = new AppError('misdirected', 'This host name is not served here.');
      reply.status(error.status).send(errorAnswer(error, request.id, '', clock.now()).body);
    } else if (!answerPreflight(request, reply, routes)) {
      done();
    }
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    setCommonHeaders(request, reply);
    done(null, payload);
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    onFinished({
      requestId: request.id,
      method: request.method,
      route: request.routeOptions.url ?? '',
      status: reply.statusCode,
      milliseconds: Math.round(reply.elapsedTime * 100) / 100,
      context: request.context,
    });
    done();
  });
  return adapter;
}

function setCommonHeaders(request: FastifyRequest, reply: FastifyReply): void {
  const { limit, allowOrigin } = request.context;
  reply.header('x-request-id', request.id);
  reply.header('cache-control', 'no-store');
  reply.header('x-content-type-options', 'nosniff');
  for (const [name, value] of Object.entries(rateLimitHeaders(limit))) {
    if (!reply.hasHeader(name)) reply.header(name, value);
  }
  if (!isClientRoute(request.url.split('?', 1)[0] ?? '') || request.method === 'OPTIONS') return;
  reply.header('vary', 'Origin');
  if (allowOrigin === undefined || headerOf(request, 'origin') === undefined) return;
  reply.header('access-control-allow-origin', allowOrigin);
  reply.header('access-control-expose-headers', EXPOSED_HEADERS);
}

function isServedHost(hosts: string[] | undefined, request: FastifyRequest): boolean {
  if (hosts === undefined) return true;
  const name = (request.headers.host ?? '').toLowerCase().replace(/:\d+$/, '');
  return hosts.includes(name);
}

/** What Node's parser refuses never becomes a request, so the answer is written by hand. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket, requestId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, reason, message] = brokenRequest(error.code);
  const body = JSON.stringify({ error: 'invalid_request', message, request_id: requestId });
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json; charset=utf-8\r\nCache-Control: no-store\r\n` +
      `X-Request-Id: ${requestId}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function brokenRequest(code: string | undefined): [number, string, string] {
  if (code === 'HPE_HEADER_OVERFLOW')
    return [431, 'Request Header Fields Too Large', 'The headers are too large.'];
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return [408, 'Request Timeout', 'The request did not arrive in time.'];
  return [400, 'Bad Request', 'The request is not valid HTTP.'];
}
