import { Module } from '@nestjs/common';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { OpenAiProvider } from './openai.provider.ts';
import { RealtimeProvider } from './realtime-provider.ts';

@Module({
  providers: [provide(RealtimeProvider, [Clock], (clock) => new OpenAiProvider(clock))],
  exports: [RealtimeProvider],
})
export class ProvidersModule {}
