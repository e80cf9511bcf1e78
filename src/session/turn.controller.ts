import { Controller, Get, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Access } from '../auth/access.ts';
import { withKey } from '../auth/caller.ts';
import { queryChecker } from '../http/query.ts';
import { Describe } from '../openapi/describe.ts';
import { SessionEndpoint } from './session-endpoint.ts';
import { STUN_ONLY } from './turn.ts';
import { readTurnCredentials, TurnQuery } from './turn-api.ts';

const TTL_S = 600;

const checkQuery = queryChecker(TurnQuery);

@Controller('turn-credentials')
export class TurnController {
  constructor(private readonly endpoint: SessionEndpoint) {}

  @Get()
  @Access('caller')
  @Describe(readTurnCredentials)
  read(@Req() request: FastifyRequest): Record<string, unknown> {
    const { project_id: projectId } = request.query as Record<string, unknown>;
    const principal = this.endpoint.identify(request, projectId);
    checkQuery(request.query);
    const { flow } = withKey(principal);
    return {
      ...STUN_ONLY,
      ttl: TTL_S,
      _turn_enabled: false,
      _auth_method: flow === 'vault' ? 'project_id' : 'jwt',
    };
  }
}
