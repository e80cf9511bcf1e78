import { Module } from '@nestjs/common';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { Metrics } from './metrics.ts';

@Module({
  providers: [provide(Metrics, [Clock], (clock) => new Metrics(clock))],
  exports: [Metrics],
})
export class MetricsModule {}
