import { Module } from '@nestjs/common';
import { provide } from '../common/provide.ts';
import { Settings } from '../config/load-settings.ts';
import { KeyRejections } from '../vault/key-rejections.ts';
import { KeyRejectionsModule } from '../vault/key-rejections.module.ts';
import { Vault } from '../vault/vault.ts';
import { Observer } from './observer.ts';
import { ProjectRegistry } from './project-registry.ts';
import { ProjectsModule } from './projects.module.ts';

@Module({
  imports: [KeyRejectionsModule, ProjectsModule],
  providers: [
    provide(
      Observer,
      [ProjectRegistry, Vault, KeyRejections, Settings],
      (registry, vault, rejections, settings) => new Observer(registry, vault, rejections, settings),
    ),
  ],
  exports: [Observer, KeyRejectionsModule],
})
export class ObserverModule {}
