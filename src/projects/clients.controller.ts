import { Controller, Get, HttpCode, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { auditEntry } from '../audit/audit-entry.ts';
import { AuditLog } from '../audit/audit-log.ts';
import { Access } from '../auth/access.ts';
import { adminOrigin } from '../auth/credentials.ts';
import { OwnTokens } from '../auth/own-tokens.ts';
import { AppError, notFound } from '../common/app-error.ts';
import { requestChecker } from '../common/schema.ts';
import { readJsonObject } from '../http/json-body.ts';
import { Describe } from '../openapi/describe.ts';
import { issueToken, listClients, TokenBody } from './clients-api.ts';
import { Observer } from './observer.ts';
import { planClient } from './plan.ts';
import { ProjectRegistry } from './project-registry.ts';
import type { Client } from './resource.ts';

const checkToken = requestChecker(TokenBody);

/** The managed clients that are configured, and tokens for them, for admins. */
@Controller('clients')
export class ClientsController {
  constructor(
    private readonly registry: ProjectRegistry,
    private readonly audit: AuditLog,
    private readonly tokens: OwnTokens,
    private readonly observer: Observer,
  ) {}

  @Get()
  @Access('admin')
  @Describe(listClients)
  list(): unknown {
    return { clients: this.registry.snapshot.clients.map((client) => this.#show(client)) };
  }

  @Post(':id/token')
  @Access('admin')
  @Describe(issueToken)
  @HttpCode(200)
  async token(@Req() request: FastifyRequest, @Param('id') id: string): Promise<unknown> {
    const { ttl_seconds: seconds } = checkToken(await readJsonObject(request));
    const client = this.#find(id);
    const detail = { change: 'token', client: client.name } as const;
    await this.audit.append(auditEntry('config_changed', adminOrigin(request), detail));
    return {
      access_token: this.tokens.sign(client.clientId, seconds),
      token_type: 'Bearer',
      expires_in: seconds,
    };
  }

  #find(clientId: string): Client {
    const found = this.registry.snapshot.clients.filter((client) => client.clientId === clientId);
    const own = found.find(({ issuer, spec }) => issuer === undefined && spec.serviceAccount === undefined);
    if (own !== undefined) return own;
    if (found.length === 0) throw notFound('There is no such client.');
    const isAccount = found.some(({ spec }) => spec.serviceAccount !== undefined);
    throw new AppError(
      'invalid_request',
      isAccount
        ? 'This client is a Kubernetes service account: its cluster issues its tokens.'
        : 'This client’s tokens come from another issuer.',
    );
  }

  #show(client: Client): Record<string, unknown> {
    const project = this.registry.snapshot.projectsByName.get(client.projectName);
    const [ready] = planClient(this.observer.client(client.name));
    return {
      client_id: client.clientId,
      name: client.name,
      issuer: client.issuer ?? null,
      service_account: client.spec.serviceAccount ?? null,
      project_id: project?.projectId ?? null,
      max_concurrent: client.spec.maxConcurrent ?? project?.spec.session.maxConcurrent ?? null,
      suspended: client.spec.suspended,
      ready: ready.status === 'True',
    };
  }
}
