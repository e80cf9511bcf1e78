import Type, { type TSchema } from 'typebox';
import type { AccessRule } from '../auth/access.ts';
import { type ErrorCode, STATUS_BY_CODE } from '../common/app-error.ts';
import { providerErrorType } from '../http/error-answer.ts';
import { closed, EXAMPLE, nullable, RequestId, UnixSeconds } from './schemas.ts';

/** What each code means to whoever gets it; a new code without a meaning is a type error. */
export const MEANINGS: Record<ErrorCode, string> = {
  invalid_request: 'What was sent is wrong; `details` names each field and the rule it breaks.',
  invalid_key: 'The provider does not accept the key.',
  unauthorized: 'No valid credentials. Where sessions are opened, it is the same for every cause.',
  forbidden: 'The client may not use that project.',
  suspended: 'The project or client is suspended.',
  not_found: 'There is no such resource, or the lease token is not its own.',
  method_not_allowed: 'The path takes other methods: see the Allow header.',
  idempotency_conflict: 'The Idempotency-Key was used with another body, or its first request still runs.',
  session_ended: 'The session has ended: open a new one.',
  payload_too_large: 'The body is larger than 64 KiB.',
  unsupported_media_type: 'The body is not of a media type that this route takes, not UTF-8, or compressed.',
  misdirected: 'This host name is not served here.',
  rate_limited: 'Too many requests in this window; `resetAt` says when it ends.',
  quota_exceeded: 'The sessions of this month are used up.',
  concurrency_limit_exceeded: 'Every slot is taken by a live session.',
  provider_rate_limited: 'The provider limits the project’s requests.',
  internal: 'The service failed. Its log says more under the request id.',
  provider_rejected_key: 'The provider rejected the project’s key.',
  provider_error: 'The provider failed or gave no usable answer (502), or none in time (504).',
  unavailable: 'Something that the request needs is away for now, such as the database.',
  key_unavailable: 'The client’s project has no key in the vault.',
};

export const ERROR_CODES = Object.keys(STATUS_BY_CODE) as ErrorCode[];

/** The statuses that a code comes with; only a silent provider gives a code its second one. */
export function statusesOf(code: ErrorCode): number[] {
  return code === 'provider_error' ? [502, 504] : [STATUS_BY_CODE[code]];
}

const ON_EVERY_ROUTE: readonly ErrorCode[] = ['invalid_request', 'misdirected', 'rate_limited', 'internal'];
const WITH_A_BODY: readonly ErrorCode[] = ['payload_too_large', 'unsupported_media_type'];
const BY_ACCESS: Record<AccessRule['kind'], readonly ErrorCode[]> = {
  public: [],
  caller: ['unauthorized', 'forbidden', 'suspended', 'key_unavailable', 'unavailable'],
  callerOrLease: ['unauthorized', 'forbidden', 'suspended', 'key_unavailable', 'unavailable'],
  lease: ['unauthorized', 'not_found', 'unavailable'],
  admin: ['unauthorized'],
};

/** All codes that a route can answer with: by who may call it, by its body, and its own. */
export function errorsOf(
  kind: AccessRule['kind'],
  { body, errors = [] }: { body?: unknown; errors?: readonly ErrorCode[] },
): ErrorCode[] {
  const all = new Set([
    ...ON_EVERY_ROUTE,
    ...BY_ACCESS[kind],
    ...(body === undefined ? [] : WITH_A_BODY),
    ...errors,
  ]);
  return ERROR_CODES.filter((code) => all.has(code));
}

const Detail = Type.Object(
  {
    path: Type.String({ description: 'A JSON Pointer into what was sent.' }),
    message: Type.String({ description: 'The rule. Never what was sent.' }),
  },
  { ...closed, title: 'ErrorDetail' },
);

/** `provider`: the envelope of the provider’s API, which its SDKs read. */
export type Envelope = 'own' | 'provider';

/** The body of an error answer with one of these codes. */
export function errorSchema(envelope: Envelope, status: number, codes: readonly ErrorCode[]): TSchema {
  const code = Type.Enum([...codes]);
  const message = Type.String({ description: 'For people.' });
  const body: Record<string, TSchema> =
    envelope === 'own'
      ? { error: code, message }
      : {
          error: Type.Object(
            { message, type: Type.Literal(providerErrorType(status)), param: nullable(Type.String()), code },
            closed,
          ),
        };
  return Type.Object(
    {
      ...body,
      request_id: RequestId,
      ...(status === 400 ? { details: Type.Optional(Type.Array(Detail)) } : {}),
      ...(status === 429 ? { resetAt: UnixSeconds } : {}),
    },
    closed,
  );
}

export function errorExample(envelope: Envelope, status: number, code: ErrorCode): Record<string, unknown> {
  const message = MEANINGS[code].replaceAll('`', '');
  const details = code === 'invalid_request' ? [{ path: '/model', message: 'must be string' }] : undefined;
  return {
    ...(envelope === 'own'
      ? { error: code, message }
      : { error: { message, type: providerErrorType(status), param: details ? 'model' : null, code } }),
    request_id: EXAMPLE.requestId,
    ...(details && { details }),
    ...(status === 429 && { resetAt: EXAMPLE.unixSeconds + 60 }),
  };
}
