import { Module } from '@nestjs/common';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { ProjectPseudonyms } from '../projects/project-pseudonyms.ts';
import { ProjectsModule } from '../projects/projects.module.ts';
import { SessionModule } from '../session/session.module.ts';
import { SessionQueries } from '../session/session-queries.ts';
import { Metrics } from './metrics.ts';
import { MetricsController } from './metrics.controller.ts';
import { MetricsModule } from './metrics.module.ts';
import { OpsServer } from './ops-server.ts';
import { Readiness } from './readiness.ts';
import { SessionGauge } from './session-gauge.ts';

@Module({
  imports: [MetricsModule, ProjectsModule, SessionModule],
  controllers: [MetricsController],
  providers: [
    provide(Readiness, [], () => new Readiness()),
    provide(
      SessionGauge,
      [SessionQueries, ProjectPseudonyms, Metrics, Clock],
      (queries, pseudonyms, metrics, clock) => new SessionGauge(queries, pseudonyms, metrics, clock),
    ),
    provide(
      OpsServer,
      [Metrics, SessionGauge, Readiness],
      (metrics, sessions, readiness) => new OpsServer(metrics, sessions, readiness),
    ),
  ],
  exports: [OpsServer, Readiness],
})
export class TelemetryModule {}
