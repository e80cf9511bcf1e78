import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { AppError, notFound } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import { errorAnswer } from './error-answer.ts';
import { pathOf } from './request-context.ts';
import type { RouteTable } from './route-table.ts';

/** The one place where an error becomes an answer. What is not an AppError is a defect: a 500 that tells nothing. */
@Catch()
export class AppErrorFilter implements ExceptionFilter {
  readonly #routes: RouteTable;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(routes: RouteTable, clock: Clock, logger: Logger) {
    this.#routes = routes;
    this.#clock = clock;
    this.#logger = logger;
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const error = this.#toAppError(thrown, request);
    request.context.errorCode = error.code;
    if (error.options.limitedBy !== undefined) request.context.limitedBy = error.options.limitedBy;
    this.#log(error, request);
    if (reply.sent) return;
    const answer = errorAnswer(error, request.context.requestId, pathOf(request), this.#clock.now());
    if (answer.status === 401) request.context.allowOrigin = '*';
    reply.status(answer.status).headers(answer.headers).send(answer.body);
  }

  #toAppError(thrown: unknown, request: FastifyRequest): AppError {
    if (thrown instanceof AppError) return thrown;
    // What Fastify refuses by itself, before any guard: first of all a path or method that is not served.
    if (thrown instanceof HttpException && thrown.getStatus() < 500) {
      return this.#routes.refusal(request.method, request.url) ?? notFound();
    }
    return new AppError('internal', 'The service failed.', { cause: thrown });
  }

  #log(error: AppError, { context: { requestId, span } }: FastifyRequest): void {
    const { cause } = error.options;
    const request = { request_id: requestId, trace_id: span.traceId };
    if (error.code === 'internal') {
      this.#logger.error({ err: cause, ...request }, 'a request met a defect');
    } else if (cause !== undefined) {
      this.#logger.warn({ err: cause, ...request, code: error.code }, error.message);
    }
  }
}
