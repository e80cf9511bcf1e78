import type { Row } from './grafana.ts';
import { percentiles, PROJECTS, rate, replica, REPLICAS, total } from './queries.ts';

const OUTCOME_COLORS = {
  created: 'green',
  unauthorized: 'text',
  internal: 'dark-red',
  unavailable: 'red',
  provider_error: 'orange',
  provider_rejected_key: 'dark-orange',
  provider_rate_limited: 'yellow',
  key_unavailable: 'purple',
};

export const SESSION_ROWS: readonly Row[] = [
  {
    title: 'Sessions',
    panels: [
      {
        title: 'Requests by outcome',
        description: 'How requests for a session end: created, or the error’s code.',
        kind: 'timeseries',
        unit: 'reqps',
        width: 12,
        min: 0,
        stacked: true,
        colors: OUTCOME_COLORS,
        queries: [{ expr: rate('outcome', 'sessions_total', PROJECTS), legend: '{{outcome}}' }],
      },
      {
        title: 'Sessions by flow',
        description:
          'Sessions created by callers with a project id (vault), and by managed clients (commercial).',
        kind: 'timeseries',
        unit: 'reqps',
        width: 6,
        min: 0,
        stacked: true,
        queries: [
          { expr: rate('flow', 'sessions_total', `${PROJECTS},outcome="created"`), legend: '{{flow}}' },
        ],
      },
      {
        title: 'Sessions by project',
        description: 'Sessions created, by project.',
        kind: 'timeseries',
        unit: 'reqps',
        width: 6,
        min: 0,
        stacked: true,
        queries: [
          { expr: rate('project', 'sessions_total', `${PROJECTS},outcome="created"`), legend: '{{project}}' },
        ],
      },
      {
        title: 'Active sessions against their cap',
        description:
          'Live sessions by the database, and the project’s cap, dashed. At the cap callers get 429.',
        kind: 'timeseries',
        unit: 'short',
        width: 12,
        min: 0,
        dashed: '.* cap',
        queries: [
          { expr: `max by (project) (sessions_active{${PROJECTS}})`, legend: '{{project}}' },
          { expr: `max by (project) (sessions_max{${PROJECTS}})`, legend: '{{project}} cap' },
        ],
      },
      {
        title: 'Slots taken',
        description: 'Live sessions as a share of the project’s cap.',
        kind: 'bargauge',
        unit: 'percentunit',
        width: 12,
        min: 0,
        max: 1,
        thresholds: [
          ['green', null],
          ['orange', 0.8],
          ['red', 1],
        ],
        queries: [
          {
            expr: `max by (project) (sessions_active{${PROJECTS}}) / max by (project) (sessions_max{${PROJECTS}})`,
            legend: '{{project}}',
          },
        ],
      },
    ],
  },
  {
    title: 'Latency and provider',
    panels: [
      {
        title: 'Opening a session',
        description:
          'From the request to its session, successes only. The provider and two commits are most of it.',
        kind: 'timeseries',
        unit: 's',
        width: 6,
        min: 0,
        queries: percentiles('session_open_duration_seconds'),
      },
      {
        title: 'Provider',
        description: 'One request to the provider, whatever it answered; it is cut off at 10 s.',
        kind: 'timeseries',
        unit: 's',
        width: 6,
        min: 0,
        queries: percentiles('provider_request_duration_seconds'),
      },
      {
        title: 'Requests to the provider',
        description: 'All requests to the provider, answered or not.',
        kind: 'timeseries',
        unit: 'reqps',
        width: 6,
        min: 0,
        queries: [{ expr: total('provider_request_duration_seconds_count', REPLICAS), legend: 'requests' }],
      },
      {
        title: 'Errors of the provider',
        description:
          'Requests for a session that failed at the provider: broken, key rejected, or at its own limit.',
        kind: 'timeseries',
        unit: 'reqps',
        width: 6,
        min: 0,
        colors: OUTCOME_COLORS,
        queries: [
          {
            expr: rate('outcome', 'sessions_total', `${PROJECTS},outcome=~"provider_.+"`),
            legend: '{{outcome}}',
          },
        ],
      },
    ],
  },
  {
    title: 'Limits and callers',
    panels: [
      {
        title: 'Refused by a limit',
        description: 'Requests refused, by the limit that refused them.',
        kind: 'timeseries',
        unit: 'reqps',
        width: 8,
        min: 0,
        stacked: true,
        queries: [{ expr: rate('scope', 'rate_limited_total', REPLICAS), legend: '{{scope}}' }],
      },
      {
        title: 'Turned away for overload',
        description:
          'Requests that would have waited too long, by replica. Over 1 a second, add replicas or mend the database.',
        kind: 'timeseries',
        unit: 'reqps',
        width: 8,
        min: 0,
        queries: [replica(rate('instance', 'rate_limited_total', `${REPLICAS},scope="overload"`))],
      },
      {
        title: 'Callers without good credentials',
        description: 'Requests that end with 401: scanners, and clients that still send a provider key.',
        kind: 'timeseries',
        unit: 'reqps',
        width: 8,
        min: 0,
        queries: [
          { expr: total('sessions_total', `${REPLICAS},outcome="unauthorized"`), legend: 'unauthorized' },
        ],
      },
    ],
  },
];
