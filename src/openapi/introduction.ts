import { ERROR_CODES, MEANINGS, statusesOf } from './errors.ts';
import type { Json } from './json-schema.ts';

export const SECURITY_SCHEMES: Json = {
  clientToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A managed client’s JWT: signed by this service, or by a configured OIDC issuer.',
  },
  leaseToken: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'lease_token',
    description: 'The `lease_token` of the answer that opened the session.',
  },
  adminKey: { type: 'apiKey', in: 'header', name: 'X-Admin-API-Key', description: 'An operator’s key.' },
};

const errorRows = ERROR_CODES.map(
  (code) => `| ${statusesOf(code).join(', ')} | \`${code}\` | ${MEANINGS[code]} |`,
).join('\n');

/** What holds for all routes and has no place at any of them. */
export const INTRODUCTION = `Hands out credentials that live about a minute and open one realtime conversation. Provider keys stay in the vault.

**Vault-only.** A provider key is never taken from a client. Where sessions are opened, an \`X-OpenAI-API-Key\` header or an \`Authorization\` that is not a valid JWT is a 401. A bare \`project_id\` needs no credentials; a JWT wins over it.

**Times.** \`expires_at\` and \`lease_expires_at\` of a session, \`resetAt\` and \`X-RateLimit-Reset\` are unix seconds. All others are RFC 3339 to the millisecond.

**Tracing.** A valid W3C \`traceparent\` header names the trace; any other value is ignored.

**CORS.** The routes of clients answer preflights for any origin, never with credentials. Admin routes have none.

**Errors.** \`{error, message, request_id}\`; on \`/v1/realtime/client_secrets\` the provider’s envelope. A path that does not exist is a 404, a method that it does not take a 405 with \`Allow\`. What is not HTTP, arrives too slowly or has headers beyond 16 KiB is answered 400, 408 or 431 before it is a request. The codes:

| Status | Code | Means |
| --- | --- | --- |
${errorRows}
`;
