import {
  context,
  createContextKey,
  ROOT_CONTEXT,
  type SpanOptions,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { AppError } from '../common/app-error.ts';
import { VERSION } from '../common/version.ts';

/** Spans cost next to nothing and go nowhere until `startTracing` has started the SDK. */
export const tracer = trace.getTracer('vestibule', VERSION);

const MARK = createContextKey('vestibule.mark');
let tracing: boolean | undefined;

/** Whether the SDK was started, which is done before the first request or never: only then is a context handed on. */
export function isTracing(): boolean {
  return (tracing ??= context.with(
    ROOT_CONTEXT.setValue(MARK, true),
    () => context.active().getValue(MARK) === true,
  ));
}

/**
 * Runs a step of a request as a span of its own, under the span that is active. A span tells names, counts and codes
 * of ours: never a key, a token, a project id or anything that a client sent.
 */
export function traced<T>(
  name: string,
  work: () => Promise<T> | T,
  options: SpanOptions = {},
): Promise<T> | T {
  // Nobody is told of this request.
  return trace.getActiveSpan() === undefined ? work() : inSpan(name, work, options);
}

async function inSpan<T>(name: string, work: () => Promise<T> | T, options: SpanOptions): Promise<T> {
  return tracer.startActiveSpan(name, options, async (span) => {
    try {
      return await work();
    } catch (error) {
      span.setAttribute('error.type', errorType(error));
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

function errorType(error: unknown): string {
  return error instanceof AppError ? error.code : 'internal';
}
