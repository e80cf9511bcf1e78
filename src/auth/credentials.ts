import type { FastifyRequest } from 'fastify';
import type { AuditOrigin } from '../audit/audit-event.ts';
import type { VerifiedToken } from './verified-token.ts';

/** What the guard established from the headers, before any body was read. */
export type Credentials =
  | { kind: 'public' }
  /** Without a token, the body has to name a project. */
  | { kind: 'caller'; token: VerifiedToken | undefined }
  | { kind: 'lease'; leaseToken: string | undefined }
  | { kind: 'admin'; fingerprint: string };

declare module 'fastify' {
  interface FastifyRequest {
    credentials?: Credentials;
  }
}

/** The token of an Authorization header that holds a Bearer token and nothing else. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
}

/** The credentials of a route that declared this kind of access. */
export function credentialsOf<K extends Credentials['kind']>(
  request: FastifyRequest,
  ...kinds: K[]
): Extract<Credentials, { kind: K }> {
  const { credentials } = request;
  if (credentials === undefined || !(kinds as string[]).includes(credentials.kind)) {
    throw new TypeError('the route reads other credentials than it declares');
  }
  return credentials as Extract<Credentials, { kind: K }>;
}

/** A request as the audit names it. */
export function originOf(
  { context: { address, requestId, span } }: FastifyRequest,
  actor: string | null,
  actorKind: AuditOrigin['actorKind'],
): AuditOrigin & { ip: string } {
  return { actor, actorKind, ip: address, requestId, traceId: span.traceId };
}

/** An admin's request as the audit names it. */
export function adminOrigin(request: FastifyRequest): AuditOrigin {
  const { fingerprint } = credentialsOf(request, 'admin');
  return originOf(request, fingerprint, 'admin');
}
