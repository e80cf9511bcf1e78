import Type from 'typebox';
import { json, type RouteDescription } from '../openapi/describe.ts';
import { closed } from '../openapi/schemas.ts';

const Count = Type.Integer({ minimum: 0 });
const Share = Type.Number({ minimum: 0, maximum: 1 });
const Milliseconds = Type.Number({ minimum: 0 });

const Totals = Type.Object(
  {
    vault_hits: Count,
    vault_hit_ratio: Type.Number({ minimum: 0, description: 'To the sessions that were created: 1.' }),
    error_rate: Share,
    sessions_total: Count,
    sessions_active: Count,
    latency_ms: Type.Object({ p50: Milliseconds, p95: Milliseconds, p99: Milliseconds }, closed),
  },
  { ...closed, title: 'Totals' },
);

export const readTotals: RouteDescription = {
  id: 'readTotals',
  tag: 'Service',
  summary: 'Totals of this process',
  description: 'Prometheus text, or JSON for `Accept: application/json` or `format=json`. No project ids.',
  query: Type.Object({
    format: Type.Optional(
      Type.String({ description: '`json`; anything else leaves it to Accept.', examples: ['json'] }),
    ),
  }),
  answers: {
    200: {
      description: 'The totals.',
      content: {
        ...json(Totals, {
          vault_hits: 12,
          vault_hit_ratio: 1,
          error_rate: 0,
          sessions_total: 12,
          sessions_active: 2,
          latency_ms: { p50: 210, p95: 480, p99: 900 },
        }),
        'text/plain': {
          schema: Type.String(),
          example: '# TYPE sessions_total counter\nsessions_total 12\n',
        },
      },
      headers: ['Vary'],
    },
  },
};

export const readHealth: RouteDescription = {
  id: 'readHealth',
  tag: 'Service',
  summary: 'Whether the process answers',
  answers: {
    200: {
      description: 'It does.',
      content: json(
        Type.Object({ status: Type.Literal('ok'), version: Type.String() }, { ...closed, title: 'Health' }),
        { status: 'ok', version: '0.1.0' },
      ),
    },
  },
};
