import type { Clock } from '../../common/clock.ts';
import type { Settings } from '../../config/load-settings.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { type AuditSink, NoSink } from './audit-sink.ts';
import { FileSink } from './file-sink.ts';
import { fileSinkMetrics } from './file-sink-metrics.ts';
import { LineFile } from './line-file.ts';

/** The second place that the settings name, or none. */
export function openSink(
  { auditFile, auditFileRequired }: Settings,
  { registry }: Metrics,
  clock: Clock,
  logger: Log,
): AuditSink {
  if (auditFile === undefined) return new NoSink();
  const sink: FileSink = new FileSink(new LineFile(auditFile), {
    required: auditFileRequired === 'on',
    clock,
    logger,
    observer: fileSinkMetrics(registry, () => sink.usable),
  });
  return sink;
}
