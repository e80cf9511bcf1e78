import { Module } from '@nestjs/common';
import { provide } from '../common/provide.ts';
import { Settings } from '../config/load-settings.ts';
import { Installation } from '../database/installation.ts';
import { ManifestSource } from '../manifests/manifest-source.ts';
import { Log } from '../telemetry/log.ts';
import { ProjectPseudonyms } from './project-pseudonyms.ts';
import { ProjectRegistry } from './project-registry.ts';
import { providerUrlPolicy } from './provider-urls.ts';

@Module({
  providers: [
    provide(ProjectRegistry, [ManifestSource, Settings, Log], (source, settings, log) => {
      const { allowed, first } = providerUrlPolicy(settings);
      return new ProjectRegistry(source, { baseUrlAllowed: allowed, baseUrlOfNewProjects: first }, log);
    }),
    provide(
      ProjectPseudonyms,
      [ProjectRegistry, Installation],
      (registry, installation) => new ProjectPseudonyms(registry, installation),
    ),
  ],
  exports: [ProjectRegistry, ProjectPseudonyms],
})
export class ProjectsModule {}
