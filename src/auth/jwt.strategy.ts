import type { FastifyRequest } from 'fastify';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { InvalidTokenError, type TokenVerifier } from './token-verifier.ts';

/**
 * passport-jwt's extraction and place in Passport with jose's verification: passport-jwt's own verifier knows neither
 * EdDSA nor `crit`.
 */
export class JwtStrategy extends Strategy {
  readonly #verifier: TokenVerifier;

  constructor(verifier: TokenVerifier) {
    super(
      {
        jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
        // Never asked: `authenticate` below does not reach the library's verifier.
        secretOrKeyProvider: (_request, _token, done) => {
          done(new Error('unused'));
        },
      },
      () => undefined,
    );
    this.#verifier = verifier;
  }

  override authenticate(request: unknown): void {
    const { authorization } = (request as FastifyRequest).headers;
    const token = ExtractJwt.fromAuthHeaderAsBearerToken()({ headers: { authorization } } as Parameters<ReturnType<typeof ExtractJwt.fromAuthHeaderAsBearerToken>>[0]);
    if (token === null) {
      this.fail('no bearer token', 401);
      return;
    }
    this.#verifier.verify(token).then(
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
