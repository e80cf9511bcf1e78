import { Module } from '@nestjs/common';
import { AuthModule } from '../auth/auth.module.ts';
import { provide } from '../common/provide.ts';
import { Database } from '../database/database.ts';
import { Installation } from '../database/installation.ts';
import { ProjectPseudonyms } from '../projects/project-pseudonyms.ts';
import { ProjectRegistry } from '../projects/project-registry.ts';
import { ProjectsModule } from '../projects/projects.module.ts';
import { StatsController } from './stats.controller.ts';
import { StatsQueries } from './stats-queries.ts';
import { StatsService } from './stats-service.ts';

@Module({
  imports: [AuthModule, ProjectsModule],
  controllers: [StatsController],
  providers: [
    provide(StatsQueries, [Database], (database) => new StatsQueries(database)),
    provide(
      StatsService,
      [StatsQueries, ProjectRegistry, ProjectPseudonyms, Installation],
      (queries, registry, pseudonyms, installation) =>
        new StatsService(queries, { registry, pseudonyms }, installation),
    ),
  ],
})
export class StatsModule {}
