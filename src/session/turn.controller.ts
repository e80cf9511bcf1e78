import { Controller, Get, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Access } from '../auth/access.ts';
import { withKey } from '../auth/caller.ts';
import { SessionEndpoint } from './session-endpoint.ts';
import { STUN_ONLY } from './turn.ts';

const TTL_S = 600;

@Controller('turn-credentials')
export class TurnController {
  constructor(private readonly endpoint: SessionEndpoint) {}

  @Get()
  @Access('caller')
  read(@Req() request: FastifyRequest): Record<string, unknown> {
    const { project_id: projectId } = request.query as Record<string, unknown>;
    const { flow } = withKey(this.endpoint.identify(request, projectId));
    return {
      ...STUN_ONLY,
      ttl: TTL_S,
      _turn_enabled: false,
      _auth_method: flow === 'vault' ? 'project_id' : 'jwt',
    };
  }
}
