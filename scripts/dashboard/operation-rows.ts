import type { Row } from './grafana.ts';
import { percentiles, PROJECTS, rate, replica, REPLICAS, total } from './queries.ts';

export const OPERATION_ROWS: readonly Row[] = [
  {
    title: 'Audit',
    panels: [
      {
        title: 'Audit rows by event',
        description: 'Rows that were committed. session_error beside session_created: see the outcomes.',
        kind: 'timeseries',
        unit: 'cps',
        width: 8,
        min: 0,
        stacked: true,
        queries: [{ expr: rate('event', 'audit_events_total', REPLICAS), legend: '{{event}}' }],
      },
      {
        title: 'Commits of audit rows',
        description:
          'One transaction that wrote audit rows; each session waits for two. Over 0.25 s the database is slow.',
        kind: 'timeseries',
        unit: 's',
        width: 8,
        min: 0,
        queries: percentiles('audit_append_duration_seconds'),
      },
      {
        title: 'Writes to the audit file',
        description: 'To write and sync what waited, where there is an audit file.',
        kind: 'timeseries',
        unit: 's',
        width: 8,
        min: 0,
        queries: percentiles('audit_file_write_duration_seconds'),
      },
      {
        title: 'Audit file takes rows',
        description: 'Whether each replica’s audit file takes rows: 1, or 0.',
        kind: 'stat',
        unit: 'short',
        width: 12,
        thresholds: [
          ['red', null],
          ['green', 1],
        ],
        queries: [replica(`audit_file_up{${REPLICAS}}`)],
      },
      {
        title: 'Audit file, trouble in this time',
        description:
          'Attempts that failed, and rows that the file will never have: export those from the database.',
        kind: 'stat',
        unit: 'short',
        width: 12,
        decimals: 0,
        thresholds: [
          ['green', null],
          ['red', 1],
        ],
        queries: [
          { expr: `sum(increase(audit_file_failures_total{${REPLICAS}}[$__range]))`, legend: 'failures' },
          {
            expr: `sum(increase(audit_file_dropped_rows_total{${REPLICAS}}[$__range]))`,
            legend: 'dropped rows',
          },
        ],
      },
    ],
  },
  {
    title: 'Vault and keys',
    panels: [
      {
        title: 'Behind the vault',
        description:
          'Since a replica last knew that it holds what the vault holds. Over 30 s, changes do not arrive.',
        kind: 'timeseries',
        unit: 's',
        width: 6,
        min: 0,
        thresholds: [
          ['transparent', null],
          ['red', 30],
        ],
        queries: [replica(`vault_sync_lag_seconds{${REPLICAS}}`)],
      },
      {
        title: 'Age of keys',
        description: 'Since each project’s key last changed in the vault. Rotate a key of 90 days.',
        kind: 'bargauge',
        unit: 's',
        width: 6,
        min: 0,
        thresholds: [
          ['green', null],
          ['orange', 60 * 86_400],
          ['red', 90 * 86_400],
        ],
        queries: [{ expr: `max by (project) (vault_key_age_seconds{${PROJECTS}})`, legend: '{{project}}' }],
      },
      {
        title: 'Projects without a key',
        description: 'Configured projects that open no session because they have no key.',
        kind: 'stat',
        unit: 'short',
        width: 4,
        thresholds: [
          ['green', null],
          ['red', 1],
        ],
        queries: [
          {
            expr: `count(max by (project) (sessions_max{${PROJECTS}}) unless max by (project) (vault_key_age_seconds{${PROJECTS}})) or vector(0)`,
            legend: 'without a key',
          },
        ],
      },
      {
        title: 'Sealing certificate, age',
        description:
          'In a cluster, of the certificate that keys are sealed under. Over 60 days, it is no longer renewed.',
        kind: 'stat',
        unit: 's',
        width: 4,
        thresholds: [
          ['green', null],
          ['red', 60 * 86_400],
        ],
        queries: [
          {
            expr: `time() - max(sealing_certificate_not_before_timestamp_seconds{${REPLICAS}})`,
            legend: 'age',
          },
        ],
      },
      {
        title: 'Sealing certificate, left',
        description: 'In a cluster, until it expires. Then no key can be deposited or rotated.',
        kind: 'stat',
        unit: 's',
        width: 4,
        thresholds: [
          ['red', null],
          ['green', 30 * 86_400],
        ],
        queries: [
          {
            expr: `max(sealing_certificate_expiry_timestamp_seconds{${REPLICAS}}) - time()`,
            legend: 'left',
          },
        ],
      },
    ],
  },
  {
    title: 'Replicas',
    panels: [
      {
        title: 'Replicas',
        description: 'That answer, that reach the database, and that write status: in a cluster that is one.',
        kind: 'timeseries',
        unit: 'short',
        width: 6,
        min: 0,
        decimals: 0,
        queries: [
          { expr: `sum(up{${REPLICAS}})`, legend: 'up' },
          { expr: `sum(database_up{${REPLICAS}})`, legend: 'reach the database' },
          { expr: `sum(operator_leader{${REPLICAS}})`, legend: 'write status' },
        ],
      },
      {
        title: 'CPU',
        description: 'Cores in use. A process uses little more than one.',
        kind: 'timeseries',
        unit: 'short',
        width: 6,
        min: 0,
        queries: [replica(`rate(process_cpu_seconds_total{${REPLICAS}}[$__rate_interval])`)],
      },
      {
        title: 'Memory',
        description: 'Resident memory of each process; some 240 MiB under load are normal.',
        kind: 'timeseries',
        unit: 'bytes',
        width: 6,
        min: 0,
        queries: [replica(`process_resident_memory_bytes{${REPLICAS}}`)],
      },
      {
        title: 'Event loop lag, p99',
        description: 'How late a process does what it should do now. Over 0.2 s it has too little CPU.',
        kind: 'timeseries',
        unit: 's',
        width: 6,
        min: 0,
        thresholds: [
          ['transparent', null],
          ['red', 0.2],
        ],
        queries: [replica(`nodejs_eventloop_lag_p99_seconds{${REPLICAS}}`)],
      },
      {
        title: 'Running since',
        description: 'Age of each process: a line that falls is a restart.',
        kind: 'timeseries',
        unit: 's',
        width: 8,
        min: 0,
        queries: [replica(`time() - process_start_time_seconds{${REPLICAS}}`)],
      },
      {
        title: 'Status that waits',
        description:
          'In a cluster: Projects and Clients that wait for their status, put in and put back a second.',
        kind: 'timeseries',
        unit: 'short',
        width: 8,
        min: 0,
        queries: [
          { expr: `sum(workqueue_depth{${REPLICAS}})`, legend: 'waiting' },
          { expr: total('workqueue_adds_total', REPLICAS), legend: 'put in a second' },
          { expr: total('workqueue_retries_total', REPLICAS), legend: 'put back a second' },
        ],
      },
      {
        title: 'Writes of status',
        description:
          'In a cluster: to look at one Project or Client and write its status. Grows with the API server’s time.',
        kind: 'timeseries',
        unit: 's',
        width: 8,
        min: 0,
        queries: percentiles('workqueue_work_duration_seconds'),
      },
    ],
  },
];
