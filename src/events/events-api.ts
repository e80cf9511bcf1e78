import Type from 'typebox';
import type { RouteDescription } from '../openapi/describe.ts';
import { closed, EXAMPLE } from '../openapi/schemas.ts';
import { HEARTBEAT, message, PRELUDE } from './messages.ts';

const totals = {
  vault_hits: 12,
  vault_hit_ratio: 1,
  error_rate: 0,
  sessions_total: 12,
  sessions_active: 2,
  latency_ms: { p50: 210, p95: 480, p99: 900 },
};

export const EventsQuery = Type.Object({}, closed);

export const listenToEvents: RouteDescription = {
  id: 'listenToEvents',
  tag: 'Service',
  summary: 'What happens at all replicas, as it happens',
  description: [
    'Server-sent events, to be read by fetch: a browser’s EventSource sends no header. The first is a `snapshot`; then',
    '`live` tells projects whose number of live sessions changed, `session` what became of one, `audit` each row as it',
    'commits, in the form of `GET /audit-logs`, `skipped` how many rows were too many to be told, `totals` what',
    '`GET /metrics` has as JSON, and `database` when it goes away or is back, with a new `snapshot` when it is. A comment',
    'comes every 15 seconds.',
    'A reader that does not keep up is cut off. There are no event ids, and `Last-Event-ID` is ignored: who comes back',
    'begins with a new snapshot, and finds what it missed in `GET /audit-logs`.',
  ].join(' '),
  query: EventsQuery,
  answers: {
    200: {
      description: 'The stream. It ends when the process does, or is about to.',
      content: {
        'text/event-stream': {
          schema: Type.String(),
          example: [
            PRELUDE,
            message('snapshot', {
              time: EXAMPLE.time,
              database: { reachable: true },
              live: { total: 2, projects: [{ project_id: EXAMPLE.projectId, live: 2 }] },
              totals,
            }),
            message('session', {
              change: 'opened',
              session_id: EXAMPLE.sessionId,
              project_id: EXAMPLE.projectId,
              time: EXAMPLE.time,
            }),
            HEARTBEAT,
          ].join(''),
        },
      },
    },
  },
  errors: ['unavailable'],
};
