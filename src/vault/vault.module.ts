import { Module } from '@nestjs/common';
import { AuditLog } from '../audit/audit-log.ts';
import { AuditModule } from '../audit/audit.module.ts';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { Installation } from '../database/installation.ts';
import { ProjectRegistry } from '../projects/project-registry.ts';
import { ProjectsModule } from '../projects/projects.module.ts';
import { ProvidersModule } from '../providers/providers.module.ts';
import { RealtimeProvider } from '../providers/realtime-provider.ts';
import { KeyDeposits } from './key-deposits.ts';
import { Vault } from './vault.ts';
import { VaultController } from './vault.controller.ts';

@Module({
  imports: [AuditModule, ProjectsModule, ProvidersModule],
  controllers: [VaultController],
  providers: [
    provide(
      KeyDeposits,
      [Vault, ProjectRegistry, RealtimeProvider, AuditLog, Installation, Clock],
      (vault, registry, provider, log, installation, clock) =>
        new KeyDeposits(vault, registry, provider, { log, installation }, clock),
    ),
  ],
})
export class VaultModule {}
