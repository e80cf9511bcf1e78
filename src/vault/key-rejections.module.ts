import { Module } from '@nestjs/common';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { Database } from '../database/database.ts';
import { Log } from '../telemetry/log.ts';
import { KeyRejections } from './key-rejections.ts';

/** Apart from VaultModule, which needs the providers, while they tell it their verdicts. */
@Module({
  providers: [
    provide(
      KeyRejections,
      [Database, Clock, Log],
      (database, clock, log) => new KeyRejections(database, clock, log),
    ),
  ],
  exports: [KeyRejections],
})
export class KeyRejectionsModule {}
