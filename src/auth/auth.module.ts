import { Module } from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import passport from 'passport';
import { AuditModule } from '../audit/audit.module.ts';
import { RejectionSampler } from '../audit/rejection-sampler.ts';
import { Backend } from '../backend.ts';
import { Clock } from '../common/clock.ts';
import { provide } from '../common/provide.ts';
import { Settings } from '../config/load-settings.ts';
import { AccessGuard } from './access.guard.ts';
import { AddressLimitGuard } from './address-limit.guard.ts';
import { AddressWindows } from './address-windows.ts';
import { AdminKeys } from './admin-keys.ts';
import { ClusterKeys } from './cluster-keys.ts';
import { JwtGuard } from './jwt.guard.ts';
import { JwtStrategy } from './jwt.strategy.ts';
import { OwnTokens } from './own-tokens.ts';
import { ServiceAccountVerifier } from './service-account-verifier.ts';
import { TokenReviews } from './token-reviews.ts';
import { TokenVerifier } from './token-verifier.ts';

@Module({
  imports: [AuditModule],
  providers: [
    provide(OwnTokens, [Settings, Clock], ({ jwtSecrets }, clock) => new OwnTokens(jwtSecrets ?? [], clock)),
    provide(
      TokenVerifier,
      [OwnTokens, Settings, Clock, Backend],
      (own, settings, clock, backend) =>
        new TokenVerifier(own, settings.jwtIssuers, clock, serviceAccountsOf(backend, settings, clock)),
    ),
    provide(AdminKeys, [Settings], ({ adminKeys }) => new AdminKeys(adminKeys ?? [])),
    provide(JwtGuard, [TokenVerifier], (verifier) => {
      passport.use('jwt', new JwtStrategy(verifier));
      return new JwtGuard(verifier);
    }),
    // In this order: an address over its limit is not even looked at.
    {
      provide: APP_GUARD,
      inject: [Settings, Reflector, Clock],
      useFactory: async ({ addressLimit }: Settings, reflector: Reflector, clock: Clock) => {
        const windows = new AddressWindows(clock);
        const guard = new AddressLimitGuard({ limit: addressLimit, windows, reflector, clock });
        await guard.onModuleInit();
        return guard;
      },
    },
    {
      provide: APP_GUARD,
      inject: [Reflector, JwtGuard, AdminKeys, RejectionSampler],
      useFactory: (reflector: Reflector, jwt: JwtGuard, admins: AdminKeys, rejections: RejectionSampler) =>
        new AccessGuard(reflector, jwt, admins, rejections),
    },
  ],
  exports: [OwnTokens],
})
export class AuthModule {}

function serviceAccountsOf(
  { kubernetes }: Backend,
  { tokenReview }: Settings,
  clock: Clock,
): ServiceAccountVerifier | undefined {
  if (kubernetes === undefined) return undefined;
  const { cluster } = kubernetes;
  const keys = new ClusterKeys(cluster, clock);
  const authority = tokenReview === 'on' ? new TokenReviews(cluster, keys, clock) : keys;
  return new ServiceAccountVerifier(authority, clock);
}
