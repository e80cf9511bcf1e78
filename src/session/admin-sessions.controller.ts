import { Controller, Delete, Get, HttpCode, Param, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Access } from '../auth/access.ts';
import { adminOrigin } from '../auth/credentials.ts';
import { unavailable } from '../common/app-error.ts';
import { SESSION_ID_PATTERN } from '../common/ids.ts';
import { Installation } from '../database/installation.ts';
import { decodeCursor, encodeCursor, queryChecker } from '../http/query.ts';
import { Describe } from '../openapi/describe.ts';
import { ProjectPseudonyms } from '../projects/project-pseudonyms.ts';
import { listSessions, SessionsQuery, terminateSession } from './admin-sessions-api.ts';
import { LeaseService } from './lease.service.ts';
import { SessionQueries, type SessionRow } from './session-queries.ts';

const CURSOR = [SESSION_ID_PATTERN];

const checkQuery = queryChecker(SessionsQuery);

/** The sessions of all projects, for admins. */
@Controller('sessions')
export class AdminSessionsController {
  constructor(
    private readonly queries: SessionQueries,
    private readonly leases: LeaseService,
    private readonly installation: Installation,
    private readonly pseudonyms: ProjectPseudonyms,
  ) {}

  @Get()
  @Access('admin')
  @Describe(listSessions)
  async list(@Query() query: unknown): Promise<unknown> {
    const { project_id: projectId, state, cursor, limit } = checkQuery(query);
    if (!this.installation.loaded) throw unavailable('The service cannot reach its database.');
    const [after] = decodeCursor(cursor, CURSOR) ?? [];
    const { sessions, next } = await this.queries.list({
      projectHash: projectId === undefined ? undefined : this.installation.projectHash(projectId),
      state,
      after,
      limit,
    });
    return {
      sessions: sessions.map((row) => this.#show(row)),
      next_cursor: next === undefined ? null : encodeCursor([next]),
    };
  }

  @Delete(':id')
  @Access('admin')
  @Describe(terminateSession)
  @HttpCode(204)
  async terminate(@Req() request: FastifyRequest, @Param('id') id: string): Promise<void> {
    const origin = adminOrigin(request);
    await this.leases.read(id, { by: 'admin', origin });
    await this.leases.terminate(id, origin, 'admin');
  }

  #show(row: SessionRow): Record<string, unknown> {
    return {
      session_id: row.id,
      project_id: this.pseudonyms.projectOf(row.project_hash)?.projectId ?? null,
      client: row.client,
      flow: row.flow,
      state: row.state,
      model: row.model,
      voice: row.voice,
      opened_at: row.opened_at.toISOString(),
      lease_expires_at: Math.floor(row.lease_expires_at.getTime() / 1000),
      ends_at: row.ends_at.toISOString(),
      ended_at: row.ended_at?.toISOString() ?? null,
    };
  }
}
