import type { ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { ThrottlerGuard, type ThrottlerRequest } from '@nestjs/throttler';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../common/app-error.ts';
import type { Clock } from '../common/clock.ts';
import type { AddressLimit } from '../config/settings.ts';
import { limitedAddress } from '../http/address.ts';
import type { AddressWindows } from './address-windows.ts';

/** The library wants a limit also where none is set; it is then never asked. */
const OFF: AddressLimit = { requests: 1, seconds: 1 };

export interface AddressLimitOptions {
  limit: AddressLimit | undefined;
  windows: AddressWindows;
  reflector: Reflector;
  clock: Clock;
}

/** One limit for all that an address asks of this process, before anything else is looked at. */
export class AddressLimitGuard extends ThrottlerGuard {
  readonly #off: boolean;
  readonly #clock: Clock;

  constructor({ limit, windows, reflector, clock }: AddressLimitOptions) {
    const { requests, seconds } = limit ?? OFF;
    super({ throttlers: [{ name: 'address', limit: requests, ttl: seconds * 1000 }] }, windows, reflector);
    this.#off = limit === undefined;
    this.#clock = clock;
  }

  protected override async shouldSkip(): Promise<boolean> {
    return Promise.resolve(this.#off);
  }

  protected override async getTracker(request: FastifyRequest): Promise<string> {
    return Promise.resolve(limitedAddress(request.context.address));
  }

  protected override generateKey(_context: ExecutionContext, tracker: string): string {
    return tracker;
  }

  protected override async handleRequest(properties: ThrottlerRequest): Promise<boolean> {
    const { context, limit, ttl } = properties;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const key = await this.getTracker(request);
    const { totalHits, timeToExpire, isBlocked } = await this.storageService.increment(
      key,
      ttl,
      limit,
      0,
      'address',
    );
    const resetAt = Math.ceil(this.#clock.now() / 1000) + timeToExpire;
    request.context.limit = { limit, remaining: Math.max(limit - totalHits, 0), resetAt };
    if (!isBlocked) return true;
    throw new AppError('rate_limited', 'This address has asked too often.', {
      retryAfter: Math.max(timeToExpire, 1),
      resetAt,
      limit: request.context.limit,
      limitedBy: 'address',
    });
  }
}
