import { Module } from '@nestjs/common';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { ProjectPseudonyms } from '../projects/project-pseudonyms.ts';
import { ProjectRegistry } from '../projects/project-registry.ts';
import { ProjectsModule } from '../projects/projects.module.ts';
import { SessionModule } from '../session/session.module.ts';
import { SessionQueries } from '../session/session-queries.ts';
import { Vault } from '../vault/vault.ts';
import { Log } from './log.ts';
import { Metrics } from './metrics.ts';
import { MetricsController } from './metrics.controller.ts';
import { MetricsModule } from './metrics.module.ts';
import { OpsServer } from './ops-server.ts';
import { ProjectGauges } from './project-gauges.ts';
import { Readiness } from './readiness.ts';
import { RequestRecorder } from './record-request.ts';
import { SessionGauge } from './session-gauge.ts';

@Module({
  imports: [MetricsModule, ProjectsModule, SessionModule],
  controllers: [MetricsController],
  providers: [
    provide(Readiness, [], () => new Readiness()),
    provide(
      SessionGauge,
      [SessionQueries, ProjectRegistry, ProjectPseudonyms, Metrics, Clock],
      (queries, registry, pseudonyms, metrics, clock) =>
        new SessionGauge(queries, { registry, pseudonyms }, metrics, clock),
    ),
    provide(
      ProjectGauges,
      [Vault, ProjectRegistry, Metrics, Clock],
      (vault, registry, metrics, clock) => new ProjectGauges(vault, registry, metrics, clock),
    ),
    provide(
      OpsServer,
      [Metrics, Readiness, SessionGauge, ProjectGauges],
      (metrics, readiness, sessions, projects) =>
        new OpsServer(metrics, readiness, () => {
          projects.refresh();
          return sessions.refresh();
        }),
    ),
    provide(
      RequestRecorder,
      [Log, Metrics, ProjectRegistry, Clock],
      (log, metrics, registry, clock) => new RequestRecorder(log, metrics, registry, clock),
    ),
  ],
  exports: [OpsServer, Readiness, SessionGauge],
})
export class TelemetryModule {}
