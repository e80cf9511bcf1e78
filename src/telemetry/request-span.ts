import {
  type Context,
  context,
  INVALID_SPAN_CONTEXT,
  INVALID_TRACEID,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from '@opentelemetry/api';
import { isTracing, tracer } from './tracing.ts';

export interface RequestStart {
  requestId: string;
  method: string;
  /** The route's template; empty without a route. */
  route: string;
  /** The W3C header as it was sent. */
  traceparent: string | undefined;
  /** Whether the sender may decide if the trace is recorded. */
  isTrusted: () => boolean;
}

export interface RequestEnd {
  status: number;
  errorCode: string | undefined;
  flow: string | undefined;
}

/** Of a request that neither its caller nor we trace. */
const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** The span of one request: the caller's trace goes on in it, and all that the request does is under it. */
export class RequestSpan {
  readonly #span: Span;
  readonly #context: Context;

  constructor(start: RequestStart) {
    if (start.traceparent === undefined && !isTracing()) {
      this.#span = NO_SPAN;
      this.#context = ROOT_CONTEXT;
      return;
    }
    const { requestId, method, route, traceparent, isTrusted } = start;
    const name = route === '' ? method : `${method} ${route}`;
    const parent = parentContext(traceparent, isTrusted);
    const attributes = {
      'http.request.method': method,
      ...(route !== '' && { 'http.route': route }),
      'vestibule.request_id': requestId,
    };
    this.#span = tracer.startSpan(name, { kind: SpanKind.SERVER, attributes }, parent);
    this.#context = trace.setSpan(parent, this.#span);
  }

  /** Null when nobody has begun a trace. */
  get traceId(): string | null {
    const { traceId } = this.#span.spanContext();
    return traceId === INVALID_TRACEID ? null : traceId;
  }

  /** The trace that this request can be looked up in; undefined when it is not recorded. */
  get recordedTraceId(): string | undefined {
    return this.#span.isRecording() ? this.#span.spanContext().traceId : undefined;
  }

  /** Runs what answers the request, so that its spans are under this one. */
  run(work: () => void): void {
    if (this.#context === ROOT_CONTEXT) work();
    else context.with(this.#context, work);
  }

  end({ status, errorCode, flow }: RequestEnd): void {
    if (this.#span === NO_SPAN) return;
    this.#span.setAttribute('http.response.status_code', status);
    if (flow !== undefined) this.#span.setAttribute('vestibule.flow', flow);
    if (errorCode !== undefined) this.#span.setAttribute('error.type', errorCode);
    if (status >= 500) this.#span.setStatus({ code: SpanStatusCode.ERROR });
    this.#span.end();
  }
}

function parentContext(traceparent: string | undefined, isTrusted: () => boolean): Context {
  const parent = parseTraceparent(traceparent);
  if (parent === undefined) return ROOT_CONTEXT;
  const traceFlags = isTrusted() ? parent.traceFlags : ownDecision();
  return trace.setSpanContext(ROOT_CONTEXT, { ...parent, traceFlags });
}

/** What the sampler says of a trace that nobody brought: of a span that is never ended, and so never exported. */
function ownDecision(): number {
  return tracer.startSpan('sample', { root: true }).spanContext().traceFlags;
}

/** Of a later version than 00 more may follow; version ff and ids of zeros are none. */
const TRACEPARENT =
  /^(?:00(?=.{53}$)|(?!00|ff)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/;

/** https://www.w3.org/TR/trace-context/#traceparent-header */
function parseTraceparent(header: string | undefined): SpanContext | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(header ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED, isRemote: true };
}
