import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { RejectionSampler } from '../audit/rejection-sampler.ts';
import { AppError } from '../common/app-error.ts';
import { sessionOfLeaseToken } from '../common/ids.ts';
import { countHeader, headerOf } from '../http/request-context.ts';
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

  /** Waits for nothing but a token that was not seen before. */
  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    const rule = this.#reflector.get<AccessRule | undefined>(ACCESS_METADATA, context.getHandler());
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (rule?.kind === 'caller') return this.#admitCaller(request, context);
    if (rule?.kind === 'callerOrLease') {
      return this.#admitLease(request) || this.#admitCaller(request, context);
    }
    request.credentials = this.#judge(rule, request);
    return true;
  }

  /** By its form alone: whose it is, is for the route to ask. A key header is refused whatever else is there. */
  #admitLease(request: FastifyRequest): boolean {
    const leaseToken = bearerToken(request.headers.authorization);
    if (leaseToken === undefined || sessionOfLeaseToken(leaseToken) === undefined) return false;
    if (request.headers['x-openai-api-key'] !== undefined) return false;
    if (countHeader(request, 'authorization') > 1) return false;
    request.credentials = { kind: 'lease', leaseToken };
    return true;
  }

  #admitCaller(request: FastifyRequest, context: ExecutionContext): boolean | Promise<boolean> {
    const admit = (token: VerifiedToken | undefined): boolean => {
      request.credentials = { kind: 'caller', token };
      return true;
    };
    const token = traced('authenticate', () => this.#token(request, context));
    return token instanceof Promise ? token.then(admit) : admit(token);
  }

  #judge(rule: AccessRule | undefined, request: FastifyRequest): Credentials {
    switch (rule?.kind) {
      case 'public':
        return { kind: 'public' };
      case 'lease':
        return headerOf(request, 'x-admin-api-key') === undefined ? lease(request) : this.#admin(request);
      case 'admin':
        return this.#admin(request);
      default:
        throw new AppError('forbidden', 'This route is closed: it does not declare who may call it.');
    }
  }

  #token(
    request: FastifyRequest,
    context: ExecutionContext,
  ): VerifiedToken | undefined | Promise<VerifiedToken> {
    const refuse = (error: unknown): never => {
      if (error instanceof Unauthorized) {
        this.#rejections.count('auth_rejected', request.context.address, error.reason);
      }
      throw error;
    };
    const { authorization, 'x-openai-api-key': key } = request.headers;
    if (key !== undefined) refuse(new Unauthorized('key_header'));
    if (authorization === undefined) return undefined;
    // Node keeps the first of several: nobody would judge the others.
    if (countHeader(request, 'authorization') > 1) refuse(new Unauthorized('bad_authorization'));
    return this.#jwt.recall(request) ?? this.#jwt.verify(context).catch(refuse);
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
