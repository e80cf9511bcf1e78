import type { ExecutionContext } from '@nestjs/common';
import type { Reflector } from '@nestjs/core';
import { ThrottlerGuard } from '@nestjs/throttler';
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

/**
 * One limit for all that an address asks of this process, before anything else is looked at. No route has a limit of
 * its own, so what the library asks its Reflector for at every request is not asked.
 */
export class AddressLimitGuard extends ThrottlerGuard {
  readonly #limit: AddressLimit | undefined;
  readonly #windows: AddressWindows;
  readonly #clock: Clock;

  constructor({ limit, windows, reflector, clock }: AddressLimitOptions) {
    const { requests, seconds } = limit ?? OFF;
    super({ throttlers: [{ name: 'address', limit: requests, ttl: seconds * 1000 }] }, windows, reflector);
    this.#limit = limit;
    this.#windows = windows;
    this.#clock = clock;
  }

  override async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.#limit !== undefined) {
      this.#count(context.switchToHttp().getRequest<FastifyRequest>(), this.#limit);
    }
    return Promise.resolve(true);
  }

  #count({ context }: FastifyRequest, { requests: limit, seconds }: AddressLimit): void {
    const counted = this.#windows.count(limitedAddress(context.address), seconds * 1000, limit);
    const { totalHits, timeToExpire, isBlocked } = counted;
    const resetAt = Math.ceil(this.#clock.now() / 1000) + timeToExpire;
    context.limit = { limit, remaining: Math.max(limit - totalHits, 0), resetAt };
    if (!isBlocked) return;
    throw new AppError('rate_limited', 'This address has asked too often.', {
      retryAfter: Math.max(timeToExpire, 1),
      resetAt,
      limit: context.limit,
      limitedBy: 'address',
    });
  }
}
