import { Counter, Gauge, Histogram } from 'prom-client';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { FileSinkObserver } from './file-sink.ts';

const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** The audit file's figures; there are none without such a file. */
export function fileSinkMetrics(registry: Metrics['registry'], usable: () => boolean): FileSinkObserver {
  const registers = [registry];
  const up: Gauge = new Gauge({
    name: 'audit_file_up',
    help: 'Whether the audit file takes rows: 1, or 0',
    registers,
    collect: () => {
      up.set(usable() ? 1 : 0);
    },
  });
  const seconds = new Histogram({
    name: 'audit_file_write_duration_seconds',
    help: 'Time to write and sync what waited for the audit file',
    buckets: BUCKETS,
    registers,
  });
  const failures = new Counter({
    name: 'audit_file_failures_total',
    help: 'Attempts to write to the audit file, or to look at it, that failed',
    registers,
  });
  const dropped = new Counter({
    name: 'audit_file_dropped_rows_total',
    help: 'Rows that the audit file did not get and will not get; the database has them',
    registers,
  });
  return {
    onWritten: (took) => {
      seconds.observe(took);
    },
    onFailed: () => {
      failures.inc();
    },
    onDropped: (lines) => {
      dropped.inc(lines);
    },
  };
}
