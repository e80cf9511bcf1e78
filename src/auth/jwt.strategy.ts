import type { FastifyRequest } from 'fastify';
import { Strategy } from 'passport-jwt';
import { bearerToken } from './credentials.ts';
import type { TokenVerifier } from './token-verifier.ts';
import { InvalidTokenError } from './verified-token.ts';

/**
 * passport-jwt's place in Passport with jose's verification: passport-jwt's own verifier knows neither EdDSA nor
 * `crit`, and its extraction takes a header in which more follows the token.
 */
export class JwtStrategy extends Strategy {
  // Not #private: Passport calls `authenticate` on an object that only inherits from this one.
  private readonly verifier: TokenVerifier;

  constructor(verifier: TokenVerifier) {
    super(
      {
        // Neither is asked: `authenticate` below replaces the library's.
        jwtFromRequest: () => null,
        secretOrKeyProvider: (_request, _token, done) => {
          done(new Error('unused'));
        },
      },
      () => undefined,
    );
    this.verifier = verifier;
  }

  override authenticate(request: unknown): void {
    const token = bearerToken((request as FastifyRequest).headers.authorization);
    if (token === undefined) {
      this.fail('no bearer token', 401);
      return;
    }
    this.verifier.verify(token).then(
      (verified) => {
        this.success(verified);
      },
      (error: unknown) => {
        if (error instanceof InvalidTokenError) this.fail('invalid token', 401);
        else this.error(error as Error);
      },
    );
  }
}
