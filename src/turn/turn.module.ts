import { Module } from '@nestjs/common';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { Settings } from '../config/load-settings.ts';
import { ProjectRegistry } from '../projects/project-registry.ts';
import { ProjectsModule } from '../projects/projects.module.ts';
import { Log } from '../telemetry/log.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { MetricsModule } from '../telemetry/metrics.module.ts';
import { Vault } from '../vault/vault.ts';
import { CloudflareTurn } from './cloudflare.ts';
import { TurnCredentials } from './turn-credentials.ts';

@Module({
  imports: [MetricsModule, ProjectsModule],
  providers: [
    provide(
      CloudflareTurn,
      [Settings, Clock],
      (settings, clock) => new CloudflareTurn(settings.turnCloudflareUrl, clock),
    ),
    provide(
      TurnCredentials,
      [Vault, ProjectRegistry, CloudflareTurn, Clock, Log, Metrics],
      (vault, registry, cloudflare, clock, log, metrics) =>
        new TurnCredentials({ vault, registry, cloudflare }, clock, log, (projectId, outcome) => {
          metrics.turnAnswered(projectId, outcome);
        }),
    ),
  ],
  exports: [CloudflareTurn, TurnCredentials],
})
export class TurnModule {}
