import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.ts';
import { AuthModule } from '../auth/auth.module.ts';
import { SessionModule } from '../session/session.module.ts';
import { ClientsController } from './clients.controller.ts';
import { ObserverModule } from './observer.module.ts';
import { ProjectsController } from './projects.controller.ts';
import { ProjectsModule } from './projects.module.ts';

/** Apart from ProjectsModule, since what it shows comes from rooms that themselves need the projects. */
@Module({
  imports: [AuditModule, AuthModule, ObserverModule, ProjectsModule, SessionModule],
  controllers: [ProjectsController, ClientsController],
})
export class ProjectsApiModule {}
