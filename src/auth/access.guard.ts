import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { RejectionSampler } from '../audit/rejection-sampler.ts';
import { AppError } from '../common/app-error.ts';
import { headerOf } from '../http/request-context.ts';
import { ACCESS_METADATA, type AccessRule } from './access.ts';
import type { AdminKeys } from './admin-keys.ts';
import { traced } from '../telemetry/tracing.ts';
import { bearerToken, type Credentials } from './credentials.ts';
import type { JwtGuard } from './jwt.guard.ts';
import type { VerifiedToken } from './verified-token.ts';
import { Unauthorized } from './unauthorized.ts';

/** Judges the headers of every request by what its route declares. A route that declares nothing is refused. */
export class AccessGuard implements CanActivate {
  readonly #reflector: Reflector;
  readonly #jwt: JwtGuard;
  readonly #admins: AdminKeys;
  readonly #rejections: RejectionSampler;

  constructor(reflector: Reflector, jwt: JwtGuard, admins: AdminKeys, rejections: RejectionSampler) {
    this.#reflector = reflector;
    this.#jwt = jwt;
    this.#admins = admins;
    this.#rejections = rejections;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const rule = this.#reflector.get<AccessRule | undefined>(ACCESS_METADATA, context.getHandler());
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    request.credentials = await this.#judge(rule, request, context);
    return true;
  }

  async #judge(
    rule: AccessRule | undefined,
    request: FastifyRequest,
    context: ExecutionContext,
  ): Promise<Credentials> {
    switch (rule?.kind) {
      case 'public':
        return { kind: 'public' };
      case 'caller':
        return { kind: 'caller', token: await traced('authenticate', () => this.#token(request, context)) };
      case 'lease':
        return headerOf(request, 'x-admin-api-key') === undefined ? lease(request) : this.#admin(request);
      case 'admin':
        return this.#admin(request);
      case undefined:
        throw new AppError('forbidden', 'This route is closed: it does not declare who may call it.');
    }
  }

  async #token(request: FastifyRequest, context: ExecutionContext): Promise<VerifiedToken | undefined> {
    try {
      if (request.headers['x-openai-api-key'] !== undefined) throw new Unauthorized('key_header');
      // Node keeps the first of several: nobody would judge the others.
      const { authorization } = request.raw.headersDistinct;
      if (authorization === undefined) return undefined;
      if (authorization.length > 1) throw new Unauthorized('bad_authorization');
      return await this.#jwt.verify(context);
    } catch (error) {
      if (error instanceof Unauthorized) {
        this.#rejections.count('auth_rejected', request.context.address, error.reason);
      }
      throw error;
    }
  }

  #admin(request: FastifyRequest): Credentials {
    const presented = headerOf(request, 'x-admin-api-key');
    const fingerprint = presented === undefined ? undefined : this.#admins.identify(presented);
    if (fingerprint !== undefined) return { kind: 'admin', fingerprint };
    const reason = presented === undefined ? 'no_credentials' : 'wrong_key';
    this.#rejections.count('admin_rejected', request.context.address, reason);
    throw new AppError('unauthorized', 'This route needs a valid X-Admin-API-Key.');
  }
}

function lease(request: FastifyRequest): Credentials {
  return { kind: 'lease', leaseToken: bearerToken(request.headers.authorization) };
}
