import type { FinishedRequest } from '../http/fastify.ts';
import { SESSION_PATHS } from '../http/request-context.ts';
import type { Clock } from '../common/clock.ts';
import type { ProjectRegistry } from '../projects/project-registry.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

/** What is turned away comes by thousands a second, and a line each costs as much as turning it away. */
const MS_BETWEEN_LINES = 1_000;

/** What remains of a finished request: one log line, the end of its span and, for a session route, its metrics. */
export class RequestRecorder {
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #registry: ProjectRegistry;
  readonly #clock: Clock;
  #turnedAway = { count: 0, saidAt: -Infinity };

  constructor(log: Log, metrics: Metrics, registry: ProjectRegistry, clock: Clock) {
    // Nothing in these lines is a client's, and looking for it costs more than writing them.
    this.#log = log.child({}, { redact: [] });
    this.#metrics = metrics;
    this.#registry = registry;
    this.#clock = clock;
  }

  record(request: FinishedRequest): void {
    const { requestId, method, route, status, milliseconds, context } = request;
    const { span, session, errorCode, limitedBy } = context;
    if (limitedBy === 'overload') this.#logTurnedAway();
    else {
      this.#log.info(
        { request_id: requestId, trace_id: span.traceId, method, route, status, ms: milliseconds },
        'request',
      );
    }
    if (limitedBy !== undefined) this.#metrics.limited(limitedBy);
    if (method === 'POST' && SESSION_PATHS.has(route)) this.#recordSession(request);
    span.end({ status, errorCode, flow: session?.flow });
  }

  #logTurnedAway(): void {
    const { count, saidAt } = this.#turnedAway;
    const now = this.#clock.monotonic();
    const due = now - saidAt >= MS_BETWEEN_LINES;
    if (due)
      this.#log.warn({ count: count + 1 }, 'requests were turned away: more wait than can be answered');
    this.#turnedAway = due ? { count: 0, saidAt: now } : { count: count + 1, saidAt };
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
