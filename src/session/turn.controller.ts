import { Controller, Get, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { Access } from '../auth/access.ts';
import { withKey } from '../auth/caller.ts';
import { credentialsOf } from '../auth/credentials.ts';
import { Installation } from '../database/installation.ts';
import { queryChecker } from '../http/query.ts';
import { Describe } from '../openapi/describe.ts';
import { keyOfClient } from '../projects/snapshot.ts';
import { type IceAnswer, TurnCredentials } from '../turn/turn-credentials.ts';
import { LeaseHolders } from './lease-holders.ts';
import { SessionEndpoint } from './session-endpoint.ts';
import { readTurnCredentials, TurnQuery } from './turn-api.ts';

const checkQuery = queryChecker(TurnQuery);

/** ICE servers for whoever opens sessions, or has one. */
@Controller('turn-credentials')
export class TurnController {
  constructor(
    private readonly endpoint: SessionEndpoint,
    private readonly holders: LeaseHolders,
    private readonly turn: TurnCredentials,
    private readonly installation: Installation,
  ) {}

  @Get()
  @Access('callerOrLease')
  @Describe(readTurnCredentials)
  async read(@Req() request: FastifyRequest): Promise<Record<string, unknown>> {
    const credentials = credentialsOf(request, 'caller', 'lease');
    return credentials.kind === 'lease' ? this.#ofLease(request) : this.#ofCaller(request);
  }

  async #ofLease(request: FastifyRequest): Promise<Record<string, unknown>> {
    const { project, sessionId } = await this.holders.identify(request, projectIdOf(request));
    checkQuery(request.query);
    return show(await this.turn.relays(project, sessionId), 'lease_token');
  }

  async #ofCaller(request: FastifyRequest): Promise<Record<string, unknown>> {
    const principal = this.endpoint.identify(request, projectIdOf(request));
    checkQuery(request.query);
    const { project, client } = withKey(principal);
    // Anybody can name a project: relays would be anybody's, whatever they send through them.
    if (client === undefined) return show(this.turn.stunOnly(project), 'project_id');
    const userId = this.installation.pseudonym('turn', keyOfClient(client));
    return show(await this.turn.relays(project, userId), 'jwt');
  }
}

function projectIdOf({ query }: FastifyRequest): unknown {
  return (query as Record<string, unknown>)['project_id'];
}

function show(
  { iceServers, ttl, relays }: IceAnswer,
  method: 'project_id' | 'jwt' | 'lease_token',
): Record<string, unknown> {
  return { iceServers, ttl, _turn_enabled: relays, _auth_method: method };
}
