import Type, { type TSchema } from 'typebox';
import { EXPOSED_HEADERS } from '../http/cors.ts';
import { RequestId } from './schemas.ts';

interface HeaderDescription {
  description: string;
  schema: TSchema;
}

/** Every header of an answer that means something to a caller. */
export const ANSWER_HEADERS = {
  'X-Request-Id': { description: 'Ours, never the caller’s.', schema: RequestId },
  'Cache-Control': {
    description: '`no-store` on all but pages and their files.',
    schema: Type.String(),
  },
  'X-Content-Type-Options': {
    description: 'The media type is as it says.',
    schema: Type.Literal('nosniff'),
  },
  'X-RateLimit-Limit': {
    description: 'Requests that the window of the limit which applied admits.',
    schema: Type.Integer({ minimum: 0 }),
  },
  'X-RateLimit-Remaining': {
    description: 'What is left of them.',
    schema: Type.Integer({ minimum: 0 }),
  },
  'X-RateLimit-Reset': {
    description: 'Unix seconds: when the window ends.',
    schema: Type.Integer({ minimum: 0 }),
  },
  'Retry-After': { description: 'Seconds to wait.', schema: Type.Integer({ minimum: 1 }) },
  'X-Should-Retry': {
    description: '`false` for a slot or a quota: an SDK’s own retry would only be refused again.',
    schema: Type.Literal('false'),
  },
  'Access-Control-Allow-Origin': {
    description: 'The Origin, if the project allows it; `*` on a 401. Never with credentials.',
    schema: Type.String(),
  },
  'Access-Control-Expose-Headers': {
    description: 'The headers that a script of another site may read.',
    schema: Type.Literal(EXPOSED_HEADERS),
  },
  Vary: { description: 'What of the request the answer depends on.', schema: Type.String() },
  'Idempotency-Replayed': {
    description: 'The answer is that of an earlier request with this Idempotency-Key.',
    schema: Type.Literal('true'),
  },
  'X-Next-Cursor': {
    description: 'With `format=jsonl`: what `next_cursor` is in JSON; absent on the last page.',
    schema: Type.String(),
  },
  'Content-Security-Policy': {
    description: 'Nothing but this service’s own files; on the playground, providers may be asked.',
    schema: Type.String(),
  },
  ETag: { description: 'For `If-None-Match`.', schema: Type.String() },
} as const satisfies Record<string, HeaderDescription>;

export type AnswerHeader = keyof typeof ANSWER_HEADERS;

/** Which headers an answer must have. The others depend on the request or on the configuration. */
const ALWAYS: readonly AnswerHeader[] = ['X-Request-Id', 'Cache-Control'];
const EVERYWHERE: readonly AnswerHeader[] = [
  ...ALWAYS,
  'X-Content-Type-Options',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
];
const ON_CLIENT_ROUTES: readonly AnswerHeader[] = [
  'Access-Control-Allow-Origin',
  'Access-Control-Expose-Headers',
  'Vary',
];

export interface HeaderOptions {
  /** CORS applies. */
  client: boolean;
  required?: readonly AnswerHeader[];
  optional?: readonly AnswerHeader[];
}

/** The headers of one answer, each with whether it is always there. */
export function headersOf({
  client,
  required = [],
  optional = [],
}: HeaderOptions): Map<AnswerHeader, boolean> {
  const names = [...EVERYWHERE, ...(client ? ON_CLIENT_ROUTES : []), ...required, ...optional];
  return new Map(names.map((name) => [name, ALWAYS.includes(name) || required.includes(name)]));
}
