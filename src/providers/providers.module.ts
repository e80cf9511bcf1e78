import { Module } from '@nestjs/common';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { MetricsModule } from '../telemetry/metrics.module.ts';
import { KeyRejections } from '../vault/key-rejections.ts';
import { KeyRejectionsModule } from '../vault/key-rejections.module.ts';
import { OpenAiProvider } from './openai.provider.ts';
import { RealtimeProvider } from './realtime-provider.ts';

@Module({
  imports: [KeyRejectionsModule, MetricsModule],
  providers: [
    provide(
      RealtimeProvider,
      [Clock, Metrics, KeyRejections],
      (clock, metrics, rejections) =>
        new OpenAiProvider(clock, {
          onAnswered: (seconds) => {
            metrics.providerAnswered(seconds);
          },
          onVerdict: (fingerprint, accepted) => {
            rejections.verdict(fingerprint, accepted);
          },
        }),
    ),
  ],
  exports: [RealtimeProvider],
})
export class ProvidersModule {}
