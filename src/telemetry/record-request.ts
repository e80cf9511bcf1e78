import type { FinishedRequest } from '../http/fastify.ts';
import { CLIENT_SECRETS_PATH } from '../http/request-context.ts';
import type { ProjectRegistry } from '../projects/project-registry.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

const SESSION_ROUTES = new Set(['/session', CLIENT_SECRETS_PATH]);

/** What remains of a finished request: one log line, the end of its span and, for a session route, its metrics. */
export class RequestRecorder {
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #registry: ProjectRegistry;

  constructor(log: Log, metrics: Metrics, registry: ProjectRegistry) {
    // Nothing in these lines is a client's, and looking for it costs more than writing them.
    this.#log = log.child({}, { redact: [] });
    this.#metrics = metrics;
    this.#registry = registry;
  }

  record(request: FinishedRequest): void {
    const { requestId, method, route, status, milliseconds, context } = request;
    const { span, session, errorCode, limitedBy } = context;
    this.#log.info(
      { request_id: requestId, trace_id: span.traceId, method, route, status, ms: milliseconds },
      'request',
    );
    if (limitedBy !== undefined) this.#metrics.limited(limitedBy);
    if (method === 'POST' && SESSION_ROUTES.has(route)) this.#recordSession(request);
    span.end({ status, errorCode, flow: session?.flow });
  }

  #recordSession({ context: { session, span, errorCode }, status, milliseconds }: FinishedRequest): void {
    this.#metrics.sessionRequest({
      project: this.#label(session?.project),
      flow: session?.flow ?? '',
      outcome: status === 200 ? success(session?.replayed) : (errorCode ?? 'unavailable'),
      seconds: milliseconds / 1000,
      traceId: span.recordedTraceId,
    });
  }

  /** A project that was removed while its request ran must not get its series back. */
  #label(projectId: string | undefined): string {
    return projectId !== undefined && this.#registry.snapshot.projectsById.has(projectId) ? projectId : '';
  }
}

function success(replayed: boolean | undefined): string {
  return replayed === true ? 'replayed' : 'created';
}
