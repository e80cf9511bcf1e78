import { Module } from '@nestjs/common';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { MetricsModule } from '../telemetry/metrics.module.ts';
import { OpenAiProvider } from './openai.provider.ts';
import { RealtimeProvider } from './realtime-provider.ts';

@Module({
  imports: [MetricsModule],
  providers: [
    provide(
      RealtimeProvider,
      [Clock, Metrics],
      (clock, metrics) =>
        new OpenAiProvider(clock, (seconds) => {
          metrics.providerAnswered(seconds);
        }),
    ),
  ],
  exports: [RealtimeProvider],
})
export class ProvidersModule {}
