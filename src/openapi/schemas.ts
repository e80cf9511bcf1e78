import Type, { type TSchema, type TUnion, type TNull } from 'typebox';

/** Options of an object that has the listed fields and no other. */
export const closed = { additionalProperties: false } as const;

export function nullable<S extends TSchema>(schema: S): TUnion<[S, TNull]> {
  return Type.Union([schema, Type.Null()]);
}

export const UnixSeconds = Type.Integer({ description: 'Unix seconds.' });
export const Time = Type.String({ format: 'date-time', description: 'RFC 3339, to the millisecond.' });
export const Fingerprint = Type.String({
  pattern: '^sha256:[0-9a-f]{16}$',
  description: 'Names a key without telling it.',
});
export const RequestId = Type.String({
  pattern: '^req_[0-9a-hjkmnp-tv-z]{26}$',
  description: 'Also in the X-Request-Id header, the log and the audit.',
});
export const NextCursor = nullable(
  Type.String({ description: 'For `cursor`, to read on; null on the last page.' }),
);

/** What the examples say, so that they fit each other. None of it is a secret. */
export const EXAMPLE = {
  requestId: 'req_01kb5ref5m8q2t6y9w4x7z0c1d',
  sessionId: 'ses_01kb5ref5g3h8j2n6r0v4y7b9e',
  projectId: 'proj_123',
  clientId: 'acme',
  fingerprint: 'sha256:0123456789abcdef',
  time: '2025-11-22T15:20:00.000Z',
  unixSeconds: 1_763_824_800,
} as const;
