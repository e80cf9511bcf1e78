import type { Row } from './grafana.ts';
import { PROJECTS, RECORDED, REPLICAS, total } from './queries.ts';

export const PROMISE_ROWS: readonly Row[] = [
  {
    title: 'Vault only',
    panels: [
      {
        title: 'Vault hits',
        description:
          'Share of sessions that were opened with a key from the vault. It is 100 %, or something is broken.',
        kind: 'stat',
        unit: 'percentunit',
        width: 4,
        decimals: 2,
        thresholds: [
          ['red', null],
          ['green', 0.9999],
        ],
        queries: [
          {
            expr: `sum(increase(vault_hits_total{${PROJECTS}}[$__range])) / sum(increase(sessions_total{${PROJECTS},outcome="created"}[$__range]))`,
            legend: 'vault hits',
          },
        ],
      },
      {
        title: 'Vault hits and sessions',
        description:
          'Keys taken from the vault for sessions, and sessions created: the lines lie on each other.',
        kind: 'timeseries',
        unit: 'reqps',
        width: 8,
        min: 0,
        dashed: 'sessions',
        queries: [
          { expr: total('vault_hits_total', PROJECTS), legend: 'vault hits' },
          { expr: total('sessions_total', `${PROJECTS},outcome="created"`), legend: 'sessions' },
        ],
      },
      {
        title: 'error_rate',
        description:
          'The worst replica’s share of requests that did not end in a session, over 5 minutes, scanners included.',
        kind: 'stat',
        unit: 'percentunit',
        width: 4,
        decimals: 1,
        queries: [{ expr: `max(error_rate{${REPLICAS}})`, legend: 'error_rate' }],
      },
      {
        title: 'Error rate',
        description:
          'error_rate of each replica, and the share of callers of known projects: callers who still bring a key of their own raise the former alone, as expected while clients migrate.',
        kind: 'timeseries',
        unit: 'percentunit',
        width: 8,
        min: 0,
        max: 1,
        dashed: 'known projects',
        queries: [
          { expr: `error_rate{${REPLICAS}}`, legend: 'error_rate {{instance}}' },
          {
            expr: `${total('sessions_total', `${PROJECTS},project!="",outcome!="created"`)} / ${total('sessions_total', `${PROJECTS},project!=""`)}`,
            legend: 'known projects',
          },
        ],
      },
    ],
  },
  {
    title: 'Objectives',
    panels: [
      {
        title: 'Sessions that did not fail, 30 days',
        description:
          'By our fault or the provider’s, of known projects. The objective is 99.5 %. Needs the recording rules.',
        kind: 'stat',
        unit: 'percentunit',
        width: 4,
        decimals: 2,
        thresholds: [
          ['red', null],
          ['green', 0.995],
        ],
        queries: [
          {
            expr: `1 - sum(sum_over_time(vestibule:sessions_failed:rate5m{${RECORDED}}[30d])) / sum(sum_over_time(vestibule:sessions_judged:rate5m{${RECORDED}}[30d]))`,
            legend: 'available',
          },
        ],
      },
      {
        title: 'Sessions that fail',
        description:
          'By our fault or the provider’s, of known projects; over the line, the budget of 30 days does not last.',
        kind: 'timeseries',
        unit: 'percentunit',
        width: 8,
        min: 0,
        thresholds: [
          ['transparent', null],
          ['red', 0.005],
        ],
        queries: ['5m', '1h', '6h', '3d'].map((window) => ({
          expr: `vestibule:sessions_failed:ratio_rate${window}{${RECORDED}}`,
          legend: `{{namespace}} over ${window}`,
        })),
      },
      {
        title: 'Sessions within 2.5 s, 30 days',
        description: 'Of those that were opened. The objective is 99 %. Needs the recording rules.',
        kind: 'stat',
        unit: 'percentunit',
        width: 4,
        decimals: 2,
        thresholds: [
          ['red', null],
          ['green', 0.99],
        ],
        queries: [
          {
            expr: `1 - sum(sum_over_time(vestibule:sessions_slow:rate5m{${RECORDED}}[30d])) / sum(sum_over_time(vestibule:sessions_opened:rate5m{${RECORDED}}[30d]))`,
            legend: 'in time',
          },
        ],
      },
      {
        title: 'Sessions that take longer than 2.5 s',
        description: 'Share of those that were opened; over the line, the budget of 30 days does not last.',
        kind: 'timeseries',
        unit: 'percentunit',
        width: 8,
        min: 0,
        thresholds: [
          ['transparent', null],
          ['red', 0.01],
        ],
        queries: ['5m', '1h', '6h', '3d'].map((window) => ({
          expr: `vestibule:sessions_slow:ratio_rate${window}{${RECORDED}}`,
          legend: `{{namespace}} over ${window}`,
        })),
      },
    ],
  },
];
