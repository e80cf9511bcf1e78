import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.ts';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { Database } from '../database/database.ts';
import { ProjectPseudonyms } from '../projects/project-pseudonyms.ts';
import { ProjectsModule } from '../projects/projects.module.ts';
import { Log } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { MetricsModule } from '../telemetry/metrics.module.ts';
import { SessionGauge } from '../telemetry/session-gauge.ts';
import { TelemetryModule } from '../telemetry/telemetry.module.ts';
import { EventsController } from './events.controller.ts';
import { FeedQueries } from './feed-queries.ts';
import { LiveFeed } from './live-feed.ts';

@Module({
  imports: [AuthModule, MetricsModule, ProjectsModule, TelemetryModule],
  controllers: [EventsController],
  providers: [
    provide(FeedQueries, [Database], (database) => new FeedQueries(database)),
    provide(
      LiveFeed,
      [FeedQueries, ProjectPseudonyms, Metrics, SessionGauge, Clock, Log],
      (queries, pseudonyms, metrics, gauge, clock, log) => {
        const totals = async () => {
          await gauge.refresh();
          return metrics.totals();
        };
        return new LiveFeed({ queries, pseudonyms, totals }, clock, log);
      },
    ),
  ],
  exports: [LiveFeed],
})
export class EventsModule {}
