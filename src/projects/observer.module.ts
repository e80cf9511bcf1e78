import { Module } from '@nestjs/common';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { Settings } from '../config/load-settings.ts';
import { KeyRejections } from '../vault/key-rejections.ts';
import { KeyRejectionsModule } from '../vault/key-rejections.module.ts';
import { Log } from '../telemetry/log.ts';
import { MissingKeys } from '../vault/missing-keys.ts';
import { Vault } from '../vault/vault.ts';
import { Observer } from './observer.ts';
import { ProjectRegistry } from './project-registry.ts';
import { ProjectsModule } from './projects.module.ts';

@Module({
  imports: [KeyRejectionsModule, ProjectsModule],
  providers: [
    provide(
      Observer,
      [ProjectRegistry, Vault, KeyRejections, Settings, Clock, Log],
      (registry, vault, rejections, settings, clock, log) => {
        const missing = new MissingKeys(vault, clock, log);
        return new Observer(registry, vault, { rejections, missing }, settings);
      },
    ),
  ],
  exports: [Observer, KeyRejectionsModule],
})
export class ObserverModule {}
