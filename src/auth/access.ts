import { SetMetadata } from '@nestjs/common';

/**
 * Who may call a route. `caller`: a client's JWT, or nobody yet known who will name a project. `callerOrLease`: the
 * same, or the holder of a session's lease token. `lease`: that, or an admin. `admin`: an admin key.
 */
export type AccessKind = 'caller' | 'callerOrLease' | 'lease' | 'admin';

export type AccessRule = { kind: AccessKind } | { kind: 'public'; reason: string };

export const ACCESS_METADATA = 'vestibule:access';

/** Declares who may call a route. A route that declares nothing is refused to everybody. */
export const Access = (kind: AccessKind): MethodDecorator =>
  SetMetadata(ACCESS_METADATA, { kind } satisfies AccessRule);

export const Public = (reason: string): MethodDecorator =>
  SetMetadata(ACCESS_METADATA, { kind: 'public', reason } satisfies AccessRule);
