import { type DynamicModule, Module } from '@nestjs/common';
import { AuditModule } from './audit/audit.module.ts';
import { AuthModule } from './auth/auth.module.ts';
import { ConsoleModule } from './console/console.module.ts';
import { EventsModule } from './events/events.module.ts';
import { OpenApiModule } from './openapi/openapi.module.ts';
import { OperatorModule } from './operator/operator.module.ts';
import { type Platform, PlatformModule } from './platform.module.ts';
import { ProjectsApiModule } from './projects/projects-api.module.ts';
import { ProvidersModule } from './providers/providers.module.ts';
import { SessionModule } from './session/session.module.ts';
import { StatsModule } from './stats/stats.module.ts';
import { TelemetryModule } from './telemetry/telemetry.module.ts';
import { TurnModule } from './turn/turn.module.ts';
import { VaultModule } from './vault/vault.module.ts';

/** The whole service. */
@Module({})
export class AppModule {
  static of(platform: Platform): DynamicModule {
    return {
      module: AppModule,
      imports: [
        PlatformModule.of(platform),
        AuditModule,
        AuthModule,
        ConsoleModule,
        EventsModule,
        OpenApiModule,
        ProjectsApiModule,
        ProvidersModule,
        SessionModule,
        StatsModule,
        TelemetryModule,
        TurnModule,
        VaultModule,
        ...(platform.backend.kubernetes === undefined ? [] : [OperatorModule]),
      ],
    };
  }
}
