import type { ExecutionContext } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { bearerToken } from './credentials.ts';
import type { TokenVerifier } from './token-verifier.ts';
import { Unauthorized } from './unauthorized.ts';
import type { VerifiedToken } from './verified-token.ts';

/** Requires a verified JWT and leaves it at `request.user`. */
export class JwtGuard extends AuthGuard('jwt') {
  readonly #verifier: TokenVerifier;

  constructor(verifier: TokenVerifier) {
    super();
    this.#verifier = verifier;
  }

  /** The token, at once and without Passport, if it is one of our own that was verified before and still holds. */
  recall({ headers: { authorization } }: FastifyRequest): VerifiedToken | undefined {
    const token = bearerToken(authorization);
    return token === undefined ? undefined : this.#verifier.recall(token);
  }

  override handleRequest<User>(error: unknown, user: User | false): User {
    if (error instanceof Error) throw error;
    if (user === false) throw new Unauthorized('bad_authorization');
    return user;
  }

  async verify(context: ExecutionContext): Promise<VerifiedToken> {
    await this.canActivate(context);
    return context.switchToHttp().getRequest<{ user: VerifiedToken }>().user;
  }
}
