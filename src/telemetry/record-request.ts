import type { FinishedRequest } from '../http/fastify.ts';
import { CLIENT_SECRETS_PATH } from '../http/request-context.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

const SESSION_ROUTES = new Set(['/session', CLIENT_SECRETS_PATH]);

/** One log line a request, and for a session route its metrics. */
export function recordRequest(request: FinishedRequest, log: Log, metrics: () => Metrics): void {
  const { requestId, method, route, status, milliseconds } = request;
  log.info({ request_id: requestId, method, route, status, ms: milliseconds }, 'request');
  if (request.context?.limitedBy !== undefined) metrics().limited(request.context.limitedBy);
  if (method === 'POST' && SESSION_ROUTES.has(route)) recordSession(request, metrics());
}

function recordSession({ context, status, milliseconds }: FinishedRequest, metrics: Metrics): void {
  const session = context?.session;
  metrics.sessionRequest({
    project: session?.project ?? '',
    flow: session?.flow ?? '',
    outcome: status === 200 ? success(session?.replayed) : (context?.errorCode ?? 'unavailable'),
    seconds: milliseconds / 1000,
  });
}

function success(replayed: boolean | undefined): string {
  return replayed === true ? 'replayed' : 'created';
}
