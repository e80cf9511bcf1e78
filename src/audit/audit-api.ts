import Type from 'typebox';
import { TIME_PATTERN } from '../http/query.ts';
import { json, type RouteDescription } from '../openapi/describe.ts';
import { closed, EXAMPLE, NextCursor, nullable, Time } from '../openapi/schemas.ts';
import { AUDIT_EVENTS } from './audit-event.ts';

const TimeLimit = (description: string) => Type.Optional(Type.String({ pattern: TIME_PATTERN, description }));

export const AuditQuery = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Rows in the answer.' }),
    cursor: Type.Optional(
      Type.String({ maxLength: 500, description: 'The `next_cursor` of the page before.' }),
    ),
    project_id: Type.Optional(Type.String({ maxLength: 63, description: 'Of this project only.' })),
    event: Type.Optional(Type.Enum([...AUDIT_EVENTS], { description: 'This event only.' })),
    from: TimeLimit('RFC 3339, since 1970: rows of this time and later.'),
    to: TimeLimit('RFC 3339, since 1970: rows before this time.'),
    format: Type.Union([Type.Literal('json'), Type.Literal('jsonl')], {
      default: 'json',
      description: '`jsonl`: one row a line, and the cursor in a header.',
    }),
  },
  closed,
);

const Hash = Type.String({ pattern: '^[0-9a-f]{64}$' });

const Row = Type.Object(
  {
    chain: Type.String({ description: 'One writer’s.' }),
    seq: Type.Integer({ minimum: 1, description: 'Counts within the chain, without gaps.' }),
    time: Time,
    event: Type.Enum([...AUDIT_EVENTS]),
    project_hash: nullable(
      Type.String({ pattern: '^[0-9a-f]{32}$', description: 'A pseudonym of the project.' }),
    ),
    actor: nullable(Type.String({ description: 'A client’s id, or an admin key’s fingerprint.' })),
    actor_kind: Type.Enum(['client', 'project', 'admin', 'system', 'anonymous']),
    ip: nullable(Type.String()),
    request_id: nullable(Type.String()),
    trace_id: nullable(Type.String()),
    outcome: Type.Enum(['success', 'failure']),
    session_id: nullable(Type.String()),
    detail: Type.Object({}, { description: 'By event.' }),
    prev_hash: Hash,
    hash: Type.String({
      pattern: '^[0-9a-f]{64}$',
      description: 'SHA-256 of `prev_hash` and the RFC 8785 JSON of the rest.',
    }),
  },
  { ...closed, title: 'AuditRow' },
);

const rowExample = {
  chain: 'chn_01kb5ref5c1d4f7h0k3n6q9s2v',
  seq: 1,
  time: EXAMPLE.time,
  event: 'session_created',
  project_hash: '0123456789abcdef0123456789abcdef',
  actor: null,
  actor_kind: 'project',
  ip: '192.0.2.1',
  request_id: EXAMPLE.requestId,
  trace_id: null,
  outcome: 'success',
  session_id: EXAMPLE.sessionId,
  detail: { flow: 'vault', key_fingerprint: EXAMPLE.fingerprint, model: 'gpt-realtime-2.1' },
  prev_hash: '0'.repeat(64),
  hash: '0'.repeat(63).concat('1'),
};

export const listAuditLogs: RouteDescription = {
  id: 'listAuditLogs',
  tag: 'Audit',
  summary: 'Audit rows, the newest first',
  query: AuditQuery,
  answers: {
    200: {
      description: 'A page.',
      content: {
        ...json(
          Type.Object({ logs: Type.Array(Row), next_cursor: NextCursor }, { ...closed, title: 'AuditPage' }),
          { logs: [rowExample], next_cursor: null },
        ),
        'application/x-ndjson': {
          schema: Type.String({ description: 'An AuditRow a line.' }),
          example: `${JSON.stringify(rowExample)}\n`,
        },
      },
      headers: ['X-Next-Cursor'],
    },
  },
  errors: ['unavailable'],
};
