import { type DynamicModule, Global, Module } from '@nestjs/common';
import { Clock } from './common/clock.ts';
import { Settings } from './config/load-settings.ts';
import { Database } from './database/database.ts';
import { Installation } from './database/installation.ts';
import { ManifestDirectory } from './directory/manifest-directory.ts';
import { Log } from './telemetry/log.ts';

/** What the program is given rather than what it builds: every room may ask for it. */
export interface Platform {
  settings: Settings;
  log: Log;
  clock: Clock;
  database: Database;
  installation: Installation;
  directory: ManifestDirectory;
}

@Global()
@Module({})
export class PlatformModule {
  static of({ settings, log, clock, database, installation, directory }: Platform): DynamicModule {
    const providers = [
      { provide: Settings, useValue: settings },
      { provide: Log, useValue: log },
      { provide: Clock, useValue: clock },
      { provide: Database, useValue: database },
      { provide: Installation, useValue: installation },
      { provide: ManifestDirectory, useValue: directory },
    ];
    return { module: PlatformModule, providers, exports: providers };
  }
}
