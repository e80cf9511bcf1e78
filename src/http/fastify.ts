import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { METHODS } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import { newRequestId } from '../common/ids.ts';
import type { Settings } from '../config/load-settings.ts';
import { RequestSpan } from '../telemetry/request-span.ts';
import { normalAddress, trustedProxy } from './address.ts';
import { answerPreflight, EXPOSED_HEADERS, isClientRoute } from './cors.ts';
import { refusalAtTheDoor, type TurnAway } from './door.ts';
import { errorAnswer, rateLimitHeaders } from './error-answer.ts';
import { countHeader, headerOf, pathOf, type RequestContext } from './request-context.ts';
import type { RouteTable } from './route-table.ts';

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const CHECK_INTERVAL_MS = 1_000;
const KEEP_ALIVE_MS = 65_000;
/** No byte in either direction, in the middle of a request: longer than any answer takes to begin. */
const STALLED_MS = 60_000;
/** Leaves file descriptors for the database, the provider and the log. */
const MAX_CONNECTIONS = 10_000;
/** As proxies log a client that went before its answer. Never sent. */
const CLIENT_CLOSED = 499;
const MAX_HEADER_BYTES = 16 * 1024;
/** Of a URL as it is sent: a client's id can have 255 characters, each of them percent-encoded. */
const MAX_PARAM_LENGTH = 1_024;
/** Those of which Fastify reads a body by itself; an older Node does not know all of them. */
const METHODS_WITH_BODY = ['DELETE', 'OPTIONS', 'PATCH', 'POST', 'PUT', 'QUERY'];

/** A finished request, as the access log and the metrics see it: the route's template, never the URL. */
export interface FinishedRequest {
  requestId: string;
  method: string;
  route: string;
  status: number;
  milliseconds: number;
  context: RequestContext;
}

export interface HttpOptions {
  settings: Settings;
  clock: Clock;
  routes: RouteTable;
  onFinished: (request: FinishedRequest) => void;
  turnAway: TurnAway;
  /** Whether connections are to be closed with their next answer. */
  isDraining: () => boolean;
}

/** Fastify under Nest, with what surrounds every request: ids, Host check, preflight, headers, limits of Node. */
export function createFastify({
  settings,
  clock,
  routes,
  onFinished,
  turnAway,
  isDraining,
}: HttpOptions): FastifyAdapter {
  const isTrusted = trustedProxy(settings.trustProxy);
  const adapter = new FastifyAdapter({
    logger: false,
    trustProxy: settings.trustProxy.length > 0 ? isTrusted : false,
    genReqId: () => newRequestId(clock.now()),
    requestIdHeader: false,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionTimeout: STALLED_MS,
    // While draining, requests on open connections are still answered, and told to close.
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      // Node looks for late requests this often; its default of 30 s would add up to that to every time-out.
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      // Refused below, with an answer like every other.
      requireHostHeader: false,
    },
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
  fastify.server.maxConnections = MAX_CONNECTIONS;
  // Beyond a number Node would drop headers in silence, a key header among them; their bytes bound them.
  fastify.server.maxHeadersCount = 0;
  // Bodies are read by the handlers, after it is known who sends them: Fastify is to see none, nor to judge its type.
  fastify.removeAllContentTypeParsers();
  for (const method of METHODS_WITH_BODY.filter((one) => METHODS.includes(one)))
    fastify.addHttpMethod(method, { overrideExisting: true });
  fastify.decorateRequest('context');
  // An expectation that nobody knows is ignored; Node's own 417 would bypass all that follows.
  fastify.server.on('checkExpectation', (request, response) => {
    fastify.server.emit('request', request, response);
  });
  fastify.addHook('onRoute', ({ method, url }) => {
    routes.add(method, url);
  });
  fastify.addHook('onRequest', (request, reply, done) => {
    request.context = {
      requestId: request.id,
      address: normalAddress(request.ip),
      span: startSpan(request, isTrusted),
    };
    // Fires once for every ending, also that of a client which does not wait for its answer.
    reply.raw.once('close', () => {
      onFinished({
        requestId: request.id,
        method: request.method,
        route: request.routeOptions.url ?? '',
        status: reply.raw.writableFinished ? reply.statusCode : CLIENT_CLOSED,
        milliseconds: Math.round(reply.elapsedTime * 100) / 100,
        context: request.context,
      });
    });
    const error = hostProblem(hosts, request) ?? refusalAtTheDoor(request, reply, turnAway);
    if (error !== undefined) {
      request.context.errorCode = error.code;
      request.context.limitedBy = error.options.limitedBy;
      const answer = errorAnswer(error, request.id, pathOf(request), clock.now());
      reply.status(answer.status).headers(answer.headers).send(answer.body);
    } else if (!answerPreflight(request, reply, routes)) {
      request.context.span.run(done);
    }
  });
  fastify.addHook('onSend', (request, reply, payload, done) => {
    setCommonHeaders(request, reply);
    // A proxy would else send its next request on a connection that is just being closed, and a client hold up the end.
    if (isDraining()) reply.header('connection', 'close');
    done(null, payload);
  });
  return adapter;
}

function startSpan(request: FastifyRequest, isTrusted: (address: string) => boolean): RequestSpan {
  return new RequestSpan({
    requestId: request.id,
    method: request.method,
    route: request.routeOptions.url ?? '',
    traceparent: headerOf(request, 'traceparent'),
    isTrusted: () => isTrusted(request.socket.remoteAddress ?? ''),
  });
}

function setCommonHeaders(request: FastifyRequest, reply: FastifyReply): void {
  const { limit, allowOrigin } = request.context;
  reply.header('x-request-id', request.id);
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  reply.header('x-content-type-options', 'nosniff');
  if (limit !== undefined && !reply.hasHeader('x-ratelimit-limit')) reply.headers(rateLimitHeaders(limit));
  if (!isClientRoute(pathOf(request)) || request.method === 'OPTIONS') return;
  reply.header('vary', 'Origin');
  if (allowOrigin === undefined || headerOf(request, 'origin') === undefined) return;
  reply.header('access-control-allow-origin', allowOrigin);
  reply.header('access-control-expose-headers', EXPOSED_HEADERS);
}

/** HTTP/1.1 demands exactly one Host, of which Node would show the first; and it has to be a name that is served. */
function hostProblem(hosts: string[] | undefined, request: FastifyRequest): AppError | undefined {
  const { host } = request.raw.headers;
  if (countHeader(request, 'host') > 1 || (host === undefined && request.raw.httpVersion === '1.1')) {
    return new AppError('invalid_request', 'The request needs one Host header.');
  }
  if (hosts === undefined) return undefined;
  const name = (host ?? '').toLowerCase().replace(/:\d+$/, '');
  if (hosts.includes(name)) return undefined;
  return new AppError('misdirected', 'This host name is not served here.');
}

/** What Node's parser refuses never becomes a request, so the answer is written by hand. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket, requestId: string): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, reason, message] = brokenRequest(error.code);
  const body = JSON.stringify({ error: 'invalid_request', message, request_id: requestId });
  socket.write(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/json; charset=utf-8\r\nCache-Control: no-store\r\n` +
      `X-Request-Id: ${requestId}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  // Not only its half: a client that never closes its own would hold the socket for good.
  socket.destroySoon();
}

function brokenRequest(code: string | undefined): [number, string, string] {
  if (code === 'HPE_HEADER_OVERFLOW')
    return [431, 'Request Header Fields Too Large', 'The headers are too large.'];
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return [408, 'Request Timeout', 'The request did not arrive in time.'];
  return [400, 'Bad Request', 'The request is not valid HTTP.'];
}
