import { Controller, Delete, Get, HttpCode, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Access } from '../auth/access.ts';
import { adminOrigin, credentialsOf, originOf } from '../auth/credentials.ts';
import { AppError } from '../common/app-error.ts';
import { requestChecker } from '../common/schema.ts';
import { readJsonObject } from '../http/json-body.ts';
import { CLIENT_SECRETS_PATH, headerOf } from '../http/request-context.ts';
import { Describe } from '../openapi/describe.ts';
import { ProjectPseudonyms } from '../projects/project-pseudonyms.ts';
import { originAllowed } from '../auth/caller.ts';
import { type LeaseHolder, LeaseService } from './lease.service.ts';
import { inFlatForm, readClientSecretsBody, readSessionBody } from './open-request.ts';
import {
  openSession,
  openSessionCompatibly,
  readSession,
  ReleaseBody,
  releaseSession,
  releaseSessionByBeacon,
  renewSession,
} from './session-api.ts';
import { SessionEndpoint } from './session-endpoint.ts';
import type { SessionRow } from './session-queries.ts';

const checkRelease = requestChecker(ReleaseBody);

/** What a client does with sessions: open one, keep it, look at it, give it back. */
@Controller()
export class SessionController {
  constructor(
    private readonly endpoint: SessionEndpoint,
    private readonly leases: LeaseService,
    private readonly pseudonyms: ProjectPseudonyms,
  ) {}

  @Post('session')
  @Access('caller')
  @Describe(openSession)
  @HttpCode(200)
  open(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply): Promise<unknown> {
    return this.endpoint.open(request, reply, readSessionBody).catch((error: unknown) => {
      throw inFlatForm(error);
    });
  }

  @Post(CLIENT_SECRETS_PATH)
  @Access('caller')
  @Describe(openSessionCompatibly)
  @HttpCode(200)
  openCompatibly(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    return this.endpoint.open(request, reply, readClientSecretsBody);
  }

  @Get('session/:id')
  @Access('lease')
  @Describe(readSession)
  async read(@Req() request: FastifyRequest, @Param('id') id: string): Promise<unknown> {
    return this.#show(request, await this.leases.read(id, holderOf(request)));
  }

  @Post('session/:id/heartbeat')
  @Access('lease')
  @Describe(renewSession)
  @HttpCode(200)
  async heartbeat(@Req() request: FastifyRequest, @Param('id') id: string): Promise<unknown> {
    const { renewed, row } = await this.leases.renew(id, holderOf(request));
    const answer = this.#show(request, row);
    if (!renewed) throw new AppError('session_ended', 'This session has ended: open a new one.');
    return answer;
  }

  @Delete('session/:id')
  @Access('lease')
  @Describe(releaseSession)
  @HttpCode(204)
  async release(@Req() request: FastifyRequest, @Param('id') id: string): Promise<void> {
    await this.#release(request, id, holderOf(request));
  }

  @Post('session/:id/release')
  @Access('lease')
  @Describe(releaseSessionByBeacon)
  @HttpCode(204)
  async releaseByBeacon(@Req() request: FastifyRequest, @Param('id') id: string): Promise<void> {
    const body = await readJsonObject(request, { plainText: true });
    const inBody = typeof body['lease_token'] === 'string' ? body['lease_token'] : undefined;
    const holder = holderOf(request, inBody);
    checkRelease(body);
    await this.#release(request, id, holder);
  }

  async #release(request: FastifyRequest, id: string, holder: LeaseHolder): Promise<void> {
    this.#allowOrigin(request, await this.leases.release(id, holder));
  }

  #show(request: FastifyRequest, row: SessionRow): Record<string, unknown> {
    this.#allowOrigin(request, row);
    return {
      session_id: row.id,
      state: row.state,
      model: row.model,
      voice: row.voice,
      lease_expires_at: Math.floor(row.lease_expires_at.getTime() / 1000),
      ends_at: row.ends_at.toISOString(),
    };
  }

  #allowOrigin(request: FastifyRequest, row: SessionRow): void {
    const origin = headerOf(request, 'origin');
    const project = this.pseudonyms.projectOf(row.project_hash);
    if (origin !== undefined && project !== undefined && originAllowed(project, origin)) {
      request.context.allowOrigin = origin;
    }
  }
}

/** The lease token of the header, else of the body; or an admin, who needs none. */
function holderOf(request: FastifyRequest, leaseTokenInBody?: string): LeaseHolder {
  const credentials = credentialsOf(request, 'lease', 'admin');
  if (credentials.kind === 'admin') return { by: 'admin', origin: adminOrigin(request) };
  const leaseToken = credentials.leaseToken ?? leaseTokenInBody;
  if (leaseToken === undefined) {
    throw new AppError('unauthorized', 'This route needs the session’s lease token as a Bearer token.');
  }
  return {
    by: 'lease',
    leaseToken,
    origin: originOf(request, null, 'project'),
  };
}
