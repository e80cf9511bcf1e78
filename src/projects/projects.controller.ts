import { Controller, Get, Param, Patch, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { auditEntry } from '../audit/audit-entry.ts';
import { AuditLog } from '../audit/audit-log.ts';
import { Access } from '../auth/access.ts';
import { adminOrigin } from '../auth/credentials.ts';
import { notFound, unavailable } from '../common/app-error.ts';
import { requestChecker } from '../common/schema.ts';
import { Installation } from '../database/installation.ts';
import { readJsonObject } from '../http/json-body.ts';
import { Describe } from '../openapi/describe.ts';
import { ActiveSessions, type ActiveSessionsOf } from '../session/active-sessions.ts';
import { Observer } from './observer.ts';
import { planProject } from './plan.ts';
import { ProjectRegistry } from './project-registry.ts';
import { projectView } from './project-view.ts';
import { listProjects, patchProject, ProjectPatch } from './projects-api.ts';
import type { Project } from './resource.ts';

/** For how many projects without a key a list looks for the reason; the next list goes on. */
const EXPLAINED_AT_ONCE = 20;

const checkPatch = requestChecker(ProjectPatch);

/** The projects that are configured and their state, for admins. */
@Controller()
export class ProjectsController {
  constructor(
    private readonly registry: ProjectRegistry,
    private readonly audit: AuditLog,
    private readonly installation: Installation,
    private readonly observer: Observer,
    private readonly sessions: ActiveSessions,
  ) {}

  @Get('projects')
  @Access('admin')
  @Describe(listProjects)
  async list(): Promise<unknown> {
    const { projectsById, duplicates } = this.registry.snapshot;
    const projects = [...projectsById.values(), ...duplicates];
    const unexplained = projects.filter(({ name }) => this.observer.lacksExplanation(name));
    const [active] = await Promise.all([
      this.sessions.count(),
      this.observer.refresh(),
      ...unexplained.slice(0, EXPLAINED_AT_ONCE).map(({ name }) => this.observer.explain(name)),
    ]);
    return {
      projects: projects.map((project) => this.#show(project, active)),
      problems: this.observer.problems(),
    };
  }

  @Patch('projects/:id')
  @Access('admin')
  @Describe(patchProject)
  async patch(@Req() request: FastifyRequest, @Param('id') id: string): Promise<unknown> {
    const { suspended } = checkPatch(await readJsonObject(request));
    const project = this.registry.snapshot.projectsById.get(id);
    if (project === undefined) throw notFound('There is no such project.');
    const entry = auditEntry(
      'config_changed',
      adminOrigin(request),
      { change: suspended ? 'suspended' : 'resumed', resource: 'project' },
      { projectHash: this.installation.projectHash(id) },
    );
    const changed = await this.audit.recorded(entry, () => this.#suspend(project, suspended));
    return this.#show(changed, await this.sessions.count());
  }

  async #suspend({ name, projectId }: Project, suspended: boolean): Promise<Project> {
    await this.registry.setSuspended(name, suspended);
    const changed = this.registry.snapshot.projectsById.get(projectId);
    if (changed?.spec.suspended !== suspended) throw unavailable('The change did not take effect.');
    return changed;
  }

  #show(project: Project, active: ActiveSessionsOf | undefined): Record<string, unknown> {
    const duplicate = this.registry.snapshot.duplicates.includes(project);
    const observed = this.observer.project(project.name);
    return projectView(project, {
      key: observed.key,
      conditions: planProject(observed),
      activeSessions: active && !duplicate ? active(project.projectId) : null,
    });
  }
}
