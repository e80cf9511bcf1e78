import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Backend } from './backend.ts';
import { Clock } from './common/clock.ts';
import { Settings } from './config/load-settings.ts';
import { Database } from './database/database.ts';
import { Installation } from './database/installation.ts';
import { ManifestSource } from './manifests/manifest-source.ts';
import { Log } from './telemetry/log.ts';
import { Vault } from './vault/vault.ts';

/** What the program is given rather than what it builds: every room may ask for it. */
export interface Platform {
  settings: Settings;
  log: Log;
  clock: Clock;
  database: Database;
  installation: Installation;
  backend: Backend;
}

@Global()
@Module({})
export class PlatformModule {
  static of({ settings, log, clock, database, installation, backend }: Platform): DynamicModule {
    const providers = [
      { provide: Settings, useValue: settings },
      { provide: Log, useValue: log },
      { provide: Clock, useValue: clock },
      { provide: Database, useValue: database },
      { provide: Installation, useValue: installation },
      { provide: Backend, useValue: backend },
      { provide: ManifestSource, useValue: backend.manifests },
      { provide: Vault, useValue: backend.vault },
    ];
    return { module: PlatformModule, providers, exports: providers };
  }
}
