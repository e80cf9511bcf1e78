import { Controller, Get, HttpCode, Param, Patch, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import Type from 'typebox';
import { auditEntry } from '../audit/audit-entry.ts';
import { AuditLog } from '../audit/audit-log.ts';
import { Access } from '../auth/access.ts';
import { adminOrigin } from '../auth/credentials.ts';
import { MAX_TOKEN_TTL_S, TokenVerifier } from '../auth/token-verifier.ts';
import { AppError, invalidRequest, notFound, unavailable } from '../common/app-error.ts';
import { checker } from '../common/schema.ts';
import { Installation } from '../database/installation.ts';
import { readJsonObject } from '../http/json-body.ts';
import { SessionQueries } from '../session/session-queries.ts';
import { Vault } from '../vault/vault.ts';
import { ProjectRegistry } from './project-registry.ts';
import type { Client, Project } from './resource.ts';

const DEFAULT_TOKEN_TTL_S = 3_600;

const checkPatch = checker(Type.Object({ suspended: Type.Boolean() }, { additionalProperties: false }));
const checkToken = checker(
  Type.Object(
    { ttl_seconds: Type.Integer({ minimum: 1, maximum: MAX_TOKEN_TTL_S, default: DEFAULT_TOKEN_TTL_S }) },
    { additionalProperties: false },
  ),
);

/** What is configured and its state, for admins. */
@Controller()
export class ProjectsController {
  constructor(
    private readonly registry: ProjectRegistry,
    private readonly vault: Vault,
    private readonly queries: SessionQueries,
    private readonly audit: AuditLog,
    private readonly installation: Installation,
    private readonly tokens: TokenVerifier,
  ) {}

  @Get('projects')
  @Access('admin')
  async list(): Promise<unknown> {
    const active = await this.#activeSessions();
    const { projectsById, problems } = this.registry.snapshot;
    return {
      projects: [...projectsById.values()].map((project) => this.#showProject(project, active)),
      problems: [...problems, ...this.vault.problems()],
    };
  }

  @Patch('projects/:id')
  @Access('admin')
  async patch(@Req() request: FastifyRequest, @Param('id') id: string): Promise<unknown> {
    const checked = checkPatch(await readJsonObject(request));
    if (!checked.ok) throw invalidRequest(checked.details);
    const { suspended } = checked.value;
    const project = this.registry.snapshot.projectsById.get(id);
    if (project === undefined) throw notFound('There is no such project.');
    this.#requireDatabase();
    const entry = auditEntry(
      'config_changed',
      adminOrigin(request),
      { change: suspended ? 'suspended' : 'resumed', resource: `project/${project.name}` },
      { projectHash: this.installation.projectHash(id) },
    );
    await this.audit.append(entry);
    await this.registry.setSuspended(project.name, suspended);
    const changed = this.registry.snapshot.projectsById.get(id);
    if (changed?.spec.suspended !== suspended) throw unavailable('The change did not take effect.');
    return this.#showProject(changed, await this.#activeSessions());
  }

  @Get('clients')
  @Access('admin')
  clients(): unknown {
    return { clients: this.registry.snapshot.clients.map((client) => this.#showClient(client)) };
  }

  @Post('clients/:id/token')
  @Access('admin')
  @HttpCode(200)
  async token(@Req() request: FastifyRequest, @Param('id') id: string): Promise<unknown> {
    const checked = checkToken(await readJsonObject(request));
    if (!checked.ok) throw invalidRequest(checked.details);
    const client = this.registry.snapshot.clients.find(({ clientId }) => clientId === id);
    if (client === undefined) throw notFound('There is no such client.');
    if (client.issuer !== undefined || client.spec.serviceAccount !== undefined) {
      throw new AppError('invalid_request', 'This client’s tokens come from another issuer.');
    }
    this.#requireDatabase();
    const { ttl_seconds: seconds } = checked.value;
    const detail = { change: 'token', client: client.name } as const;
    await this.audit.append(auditEntry('config_changed', adminOrigin(request), detail));
    return {
      access_token: await this.tokens.sign(client.clientId, seconds),
      token_type: 'Bearer',
      expires_in: seconds,
    };
  }

  #requireDatabase(): void {
    if (!this.installation.loaded) throw unavailable('The service cannot reach its database.');
  }

  /** By project hash; undefined while the database is away, which hides nothing else. */
  async #activeSessions(): Promise<Map<string, number> | undefined> {
    return this.queries.activeByProject().catch(() => undefined);
  }

  #showProject(project: Project, active: Map<string, number> | undefined): Record<string, unknown> {
    const key = this.vault.find(project.keyRef);
    const { spec } = project;
    return {
      project_id: project.projectId,
      name: project.name,
      provider: spec.provider,
      ready: key !== undefined && !spec.suspended,
      conditions: [
        {
          type: 'Ready',
          status: key !== undefined && !spec.suspended ? 'True' : 'False',
          reason: readyReason(project, key),
        },
        {
          type: 'KeyLoaded',
          status: key === undefined ? 'False' : 'True',
          reason: key === undefined ? 'KeyMissing' : 'KeyLoaded',
        },
      ],
      key_fingerprint: key?.fingerprint ?? null,
      key_loaded_at: key === undefined ? null : new Date(key.loadedAt).toISOString(),
      active_sessions:
        active === undefined ? null : (active.get(this.installation.projectHash(project.projectId)) ?? 0),
      max_concurrent: spec.session.maxConcurrent,
      suspended: spec.suspended,
    };
  }

  #showClient(client: Client): Record<string, unknown> {
    const project = this.registry.snapshot.projectsByName.get(client.projectName);
    return {
      client_id: client.clientId,
      name: client.name,
      issuer: client.issuer ?? null,
      project_id: project?.projectId ?? null,
      max_concurrent: client.spec.maxConcurrent ?? project?.spec.session.maxConcurrent ?? null,
      suspended: client.spec.suspended,
      ready: project !== undefined && !client.spec.suspended,
    };
  }
}

function readyReason(project: Project, key: unknown): string {
  if (project.spec.suspended) return 'Suspended';
  return key === undefined ? 'KeyMissing' : 'Ready';
}
