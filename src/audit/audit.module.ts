import { Module } from '@nestjs/common';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { Settings } from '../config/load-settings.ts';
import { Database } from '../database/database.ts';
import { Log } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { MetricsModule } from '../telemetry/metrics.module.ts';
import { AuditController } from './audit.controller.ts';
import { AuditLog } from './audit-log.ts';
import { AuditQueries } from './audit-queries.ts';
import { Chains } from './chains.ts';
import { Checkpointer } from './checkpointer.ts';
import { RejectionSampler } from './rejection-sampler.ts';
import { AuditSink } from './sinks/audit-sink.ts';
import { HeadSigner } from './signing-keys.ts';
import { openSink } from './sinks/open-sink.ts';

@Module({
  imports: [MetricsModule],
  controllers: [AuditController],
  providers: [
    provide(AuditQueries, [Database], (database) => new AuditQueries(database)),
    provide(Chains, [Clock], (clock) => new Chains(clock)),
    provide(
      Checkpointer,
      [Database, Chains, Settings, Clock, Log],
      (database, chains, { auditSigningKeys: keys }, clock, log) =>
        new Checkpointer(database, chains, keys && new HeadSigner(keys), clock, log),
    ),
    provide(AuditSink, [Settings, Metrics, Clock, Log], openSink),
    provide(
      AuditLog,
      [Database, Chains, AuditSink, Clock, Metrics],
      (database, chains, sink, clock, metrics) =>
        new AuditLog(database, { chains, sink }, clock, (events, seconds) => {
          metrics.audited(events, seconds);
        }),
    ),
    provide(
      RejectionSampler,
      [AuditLog, Clock, Log],
      (auditLog, clock, log) => new RejectionSampler(auditLog, clock, log),
    ),
  ],
  exports: [AuditLog, AuditSink, Chains, Checkpointer, RejectionSampler],
})
export class AuditModule {}
