import type { LoggerService } from '@nestjs/common';
import { type Logger, type LoggerOptions, pino } from 'pino';
import { LogStream } from './log-stream.ts';

/** The service's log: JSON lines on stdout. A class, so that it is also the name under which it is injected. */
export abstract class Log {}
export interface Log extends Logger {}

/** Secrets are typed so that they cannot be logged; these names are the second line. */
const REDACTED = [
  'authorization',
  'x-admin-api-key',
  'x-openai-api-key',
  'openai_key',
  'lease_token',
  'value',
  'password',
  'credential',
];

export function createLog(level: string): Log {
  const options: LoggerOptions = {
    level,
    base: { service: 'vestibule', pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: REDACTED.flatMap((name) => [`["${name}"]`, `*["${name}"]`, `*.headers["${name}"]`]),
      censor: '[redacted]',
    },
    serializers: { err: describeError },
    formatters: { level: (label) => ({ level: label }) },
  };
  return level === 'silent' ? pino(options) : pino(options, new LogStream());
}

/** An error's own words and place, and those of its causes. Other properties can carry requests or rows. */
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: 'not an Error' };
  const { code } = error as { code?: unknown };
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === 'string' && { code }),
    stack: error.stack,
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  };
}

/** Nest's own messages, in the same log. */
export class NestLog implements LoggerService {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log.child({ component: 'nest' });
  }

  log(message: unknown): void {
    this.#log.debug(String(message));
  }

  warn(message: unknown): void {
    this.#log.warn(String(message));
  }

  error(message: unknown): void {
    this.#log.error(String(message));
  }
}
