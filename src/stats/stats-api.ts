import Type from 'typebox';
import { TIME_PATTERN } from '../http/query.ts';
import { json, type RouteDescription } from '../openapi/describe.ts';
import { closed, EXAMPLE, nullable, Time } from '../openapi/schemas.ts';
import { MAX_STEP_SECONDS } from './stats-range.ts';

const TimeLimit = (description: string) => Type.Optional(Type.String({ pattern: TIME_PATTERN, description }));

export const StatsQuery = Type.Object(
  {
    from: TimeLimit('RFC 3339, since 1970; an hour before `to` when it is not given, 31 days at most.'),
    to: TimeLimit('RFC 3339, since 1970; now when it is not given.'),
    step: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_STEP_SECONDS,
        description:
          'Seconds, for 300 steps at most; when it is not given, a round time that makes up to 120. The range is widened to whole steps.',
      }),
    ),
  },
  closed,
);

const Count = Type.Integer({ minimum: 0 });
const Share = nullable(
  Type.Number({ minimum: 0, maximum: 1, description: 'Of the attempts; null without any.' }),
);
const Milliseconds = Type.Number({ minimum: 0 });

const TALLY = {
  attempts: Type.Integer({ minimum: 0, description: 'Each had a slot and loaded a key.' }),
  opened: Type.Object({ vault: Count, commercial: Count }, closed),
  vault_hits: Type.Integer({ minimum: 0, description: 'Sessions opened with a key of the vault.' }),
  failed: Type.Record(Type.String({ pattern: '^[a-z_]+$' }), Count, {
    description: 'By error code, or `client_closed`. What a limit refused took no slot and is not here.',
  }),
  ended: Type.Object({ released: Count, expired: Count, terminated: Count }, closed),
  rejected: Type.Integer({
    minimum: 0,
    description: 'Requests without valid credentials; recorded a minute after.',
  }),
  latency_ms: nullable(
    Type.Object(
      { p50: Milliseconds, p95: Milliseconds },
      {
        ...closed,
        description: 'From the slot to the session; null without sessions, which are kept for eight days.',
      },
    ),
  ),
};

const Step = Type.Object(
  {
    time: Type.String({ format: 'date-time', description: 'When the step begins.' }),
    live: nullable(
      Type.Integer({
        minimum: 0,
        description:
          'Sessions that held a slot at its end; null where that is not known, and for the future.',
      }),
    ),
    ...TALLY,
  },
  { ...closed, title: 'StatsStep' },
);

const Quota = Type.Object(
  {
    used: Count,
    limit: Type.Integer({ minimum: 0 }),
    resets_at: Time,
  },
  { ...closed, description: 'Of this month, of sessions that name the project.' },
);

const Stats = Type.Object(
  {
    from: Time,
    to: Time,
    step: Type.Integer({ minimum: 1, description: 'Seconds.' }),
    now: Type.String({ format: 'date-time', description: 'By the database’s clock.' }),
    steps: Type.Array(Step),
    totals: Type.Object(
      {
        ...TALLY,
        vault_hit_ratio: Type.Number({ minimum: 0, description: 'To the sessions opened: 1.' }),
        success_rate: Share,
        error_share: Share,
      },
      { ...closed, title: 'StatsTotals' },
    ),
    projects: Type.Array(
      Type.Object(
        {
          project_id: Type.String(),
          attempts: Count,
          opened: Count,
          failed: Count,
          quota: nullable(Quota),
        },
        { ...closed, title: 'StatsProject' },
      ),
      { description: 'Those that are configured, and had attempts in the range or have a quota.' },
    ),
    audit: Type.Object(
      {
        chains: Count,
        rows: Count,
        oldest: nullable(Time),
        newest_head: nullable(
          Type.Object(
            {
              time: Time,
              key: Type.String({ description: 'Names who signed.' }),
              heads: Type.Array(
                Type.Object({ chain: Type.String(), seq: Type.Integer({ minimum: 1 }) }, closed),
              ),
            },
            closed,
          ),
        ),
      },
      { ...closed, title: 'AuditState', description: 'Facts. Only `audit verify` proves.' },
    ),
  },
  { ...closed, title: 'Stats' },
);

const tallyExample = {
  attempts: 13,
  opened: { vault: 10, commercial: 2 },
  vault_hits: 12,
  failed: { provider_error: 1 },
  ended: { released: 9, expired: 1, terminated: 0 },
  rejected: 3,
  latency_ms: { p50: 210.5, p95: 480.25 },
};

export const readStats: RouteDescription = {
  id: 'readStats',
  tag: 'Service',
  summary: 'Series and totals of all replicas, for a dashboard',
  description:
    'Counted by the audit, which all replicas write: what is pruned from it is gone here, too. A range with more rows than the database counts in 5 seconds is refused by 503.',
  query: StatsQuery,
  answers: {
    200: {
      description: 'The series.',
      content: json(Stats, {
        from: EXAMPLE.time,
        to: '2025-11-22T15:20:30.000Z',
        step: 30,
        now: '2025-11-22T15:20:21.000Z',
        steps: [{ time: EXAMPLE.time, live: 3, ...tallyExample }],
        totals: { ...tallyExample, vault_hit_ratio: 1, success_rate: 12 / 13, error_share: 1 / 13 },
        projects: [
          {
            project_id: EXAMPLE.projectId,
            attempts: 13,
            opened: 12,
            failed: 1,
            quota: { used: 12, limit: 1000, resets_at: '2025-12-01T00:00:00.000Z' },
          },
        ],
        audit: {
          chains: 3,
          rows: 42,
          oldest: EXAMPLE.time,
          newest_head: {
            time: EXAMPLE.time,
            key: EXAMPLE.fingerprint,
            heads: [{ chain: 'chn_01kb5ref5c1d4f7h0k3n6q9s2v', seq: 17 }],
          },
        },
      }),
    },
  },
  errors: ['unavailable'],
};
