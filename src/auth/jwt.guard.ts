import type { ExecutionContext } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import { Unauthorized } from './unauthorized.ts';
import type { VerifiedToken } from './verified-token.ts';

/** Requires a verified JWT and leaves it at `request.user`. */
export class JwtGuard extends AuthGuard('jwt') {
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
