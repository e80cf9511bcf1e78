import type { Panel, Row } from './grafana.ts';
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
      ...objective({
        kept: 'Sessions that did not fail, 30 days',
        keptIs:
          'By our fault or the provider’s, of known projects. The objective is 99.5 %. Needs the recording rules.',
        least: 0.995,
        legend: 'available',
        missed: 'Sessions that fail',
        missedAre: 'By our fault or the provider’s, of known projects',
        budget: 0.005,
        bad: 'vestibule:sessions_failed',
        all: 'vestibule:sessions_judged',
      }),
      ...objective({
        kept: 'Sessions within 2.5 s, 30 days',
        keptIs: 'Of those that were opened. The objective is 99 %. Needs the recording rules.',
        least: 0.99,
        legend: 'in time',
        missed: 'Sessions that take longer than 2.5 s',
        missedAre: 'Share of those that were opened',
        budget: 0.01,
        bad: 'vestibule:sessions_slow',
        all: 'vestibule:sessions_opened',
      }),
    ],
  },
];

interface Objective {
  /** Of the figure, and of the lines beside it. */
  kept: string;
  keptIs: string;
  missed: string;
  missedAre: string;
  /** Share of sessions that is to be good; what is left to the others. */
  least: number;
  budget: number;
  legend: string;
  /** Recorded series, without what is measured of them. */
  bad: string;
  all: string;
}

/** How much of 30 days was good, and how fast what is allowed is used up. */
function objective({ bad, all, ...one }: Objective): Panel[] {
  const over30Days = (series: string): string => `sum(sum_over_time(${series}:rate5m{${RECORDED}}[30d]))`;
  return [
    {
      title: one.kept,
      description: one.keptIs,
      kind: 'stat',
      unit: 'percentunit',
      width: 4,
      decimals: 2,
      thresholds: [
        ['red', null],
        ['green', one.least],
      ],
      queries: [{ expr: `1 - ${over30Days(bad)} / ${over30Days(all)}`, legend: one.legend }],
    },
    {
      title: one.missed,
      description: `${one.missedAre}; over the line, the budget of 30 days does not last.`,
      kind: 'timeseries',
      unit: 'percentunit',
      width: 8,
      min: 0,
      thresholds: [
        ['transparent', null],
        ['red', one.budget],
      ],
      queries: ['5m', '1h', '6h', '3d'].map((window) => ({
        expr: `${bad}:ratio_rate${window}{${RECORDED}}`,
        legend: `{{namespace}} over ${window}`,
      })),
    },
  ];
}
