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
import { SessionQueries } from '../session/session-queries.ts';
import { Vault } from '../vault/vault.ts';
import { ProjectRegistry } from './project-registry.ts';
import { projectView } from './project-view.ts';
import { listProjects, patchProject, ProjectPatch } from './projects-api.ts';
import type { Project } from './resource.ts';

const checkPatch = requestChecker(ProjectPatch);

/** The projects that are configured and their state, for admins. */
@Controller()
export class ProjectsController {
  constructor(
    private readonly registry: ProjectRegistry,
    private readonly vault: Vault,
    private readonly queries: SessionQueries,
    private readonly audit: AuditLog,
    private readonly installation: Installation,
  ) {}

  @Get('projects')
  @Access('admin')
  @Describe(listProjects)
  async list(): Promise<unknown> {
    const active = await this.#activeSessions();
    const { projectsById, duplicates, problems } = this.registry.snapshot;
    return {
      projects: [...projectsById.values(), ...duplicates].map((project) => this.#show(project, active)),
      problems: [...problems, ...this.vault.problems()],
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
    return this.#show(changed, await this.#activeSessions());
  }

  async #suspend({ name, projectId }: Project, suspended: boolean): Promise<Project> {
    await this.registry.setSuspended(name, suspended);
    const changed = this.registry.snapshot.projectsById.get(projectId);
    if (changed?.spec.suspended !== suspended) throw unavailable('The change did not take effect.');
    return changed;
  }

  /** By project hash; undefined while the database is away, which hides nothing else. */
  async #activeSessions(): Promise<Map<string, number> | undefined> {
    return this.queries.activeByProject().catch(() => undefined);
  }

  #show(project: Project, active: Map<string, number> | undefined): Record<string, unknown> {
    const hash = this.installation.loaded ? this.installation.projectHash(project.projectId) : '';
    const { duplicates, invalid } = this.registry.snapshot;
    const duplicate = duplicates.includes(project);
    return projectView(project, {
      key: this.vault.find(project.keyRef),
      blocked: duplicate
        ? 'DuplicateProjectId'
        : invalid.has(`Project/${project.name}`)
          ? 'Invalid'
          : undefined,
      activeSessions: active && !duplicate ? (active.get(hash) ?? 0) : null,
    });
  }
}
