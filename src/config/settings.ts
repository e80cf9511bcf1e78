import { createPrivateKey, createPublicKey } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import Type from 'typebox';
import { checker } from '../common/schema.ts';
import { SecretString } from '../common/secret-string.ts';
import { withoutTrailingSlash } from '../common/url.ts';
import { integer, list, oneOf, optional, required, type Setting, SettingProblem, url } from './setting.ts';

export const MIN_SECRET_LENGTH = 32;

export const PEM = /-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/g;

const ASYMMETRIC_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;

const Issuer = Type.Object(
  {
    issuer: Type.String({ minLength: 1, maxLength: 512 }),
    audience: Type.String({ minLength: 1, maxLength: 512 }),
    jwksUri: Type.Optional(Type.String({ pattern: '^https?://' })),
    clientClaim: Type.String({ minLength: 1, maxLength: 128, default: 'sub' }),
    algorithms: Type.Array(Type.Enum([...ASYMMETRIC_ALGORITHMS]), {
      minItems: 1,
      default: [...ASYMMETRIC_ALGORITHMS],
    }),
  },
  { additionalProperties: false },
);
export type IssuerSettings = Type.Static<typeof Issuer>;

const checkIssuers = checker(Type.Array(Issuer, { maxItems: 50 }), { nameUnknownFields: true });

function issuers(text: string): IssuerSettings[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new SettingProblem('must be a JSON list');
  }
  const checked = checkIssuers(parsed);
  if (!checked.ok) {
    throw new SettingProblem(checked.details.map(({ path, message }) => `${path} ${message}`).join('; '));
  }
  const names = checked.value.map(({ issuer }) => issuer);
  if (new Set(names).size !== names.length || names.includes('vestibule')) {
    throw new SettingProblem('must name each issuer once, and none "vestibule"');
  }
  return checked.value;
}

function secret(text: string): SecretString {
  if (Buffer.byteLength(text) < MIN_SECRET_LENGTH || !/^[\x21-\x7e]+$/.test(text)) {
    throw new SettingProblem(`must be at least ${MIN_SECRET_LENGTH} printable characters without spaces`);
  }
  return new SecretString(text);
}

function secrets(text: string): SecretString[] {
  const found = list(secret)(text);
  if (found.length === 0) throw new SettingProblem('must not be empty');
  return found;
}

/** One key or more; the first has to be one that can sign. Which ones they are is not told. */
function signingKeys(text: string): SecretString {
  const problem = new SettingProblem('must be Ed25519 keys in PEM form, the first of them private (PKCS#8)');
  try {
    const [first = '', ...others] = text.match(PEM) ?? [];
    const keys = [createPrivateKey(first), ...others.map((pem) => createPublicKey(pem))];
    if (keys.some(({ asymmetricKeyType }) => asymmetricKeyType !== 'ed25519')) throw problem;
  } catch {
    throw problem;
  }
  return new SecretString(text);
}

function dnsLabel(text: string): string {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) throw new SettingProblem('must be a DNS label');
  return text;
}

/** Where Cloudflare's TURN API is: the one place that its tokens are sent to. */
const CLOUDFLARE_TURN_URL = 'https://rtc.live.cloudflare.com';
const LOOPBACK = /^https?:\/\/(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

function cloudflareTurnUrl(text: string): string {
  if (text !== CLOUDFLARE_TURN_URL && !LOOPBACK.test(text)) {
    throw new SettingProblem(`must be ${CLOUDFLARE_TURN_URL}, or an origin on loopback outside production`);
  }
  return text;
}

/** Whether it is Cloudflare's own. */
export function isCloudflareTurnUrl(url: string): boolean {
  return url === CLOUDFLARE_TURN_URL;
}

export type AddressRange = ReturnType<typeof ipaddr.parseCIDR>;

function addressRange(text: string): AddressRange {
  try {
    return ipaddr.parseCIDR(text);
  } catch {
    throw new SettingProblem('must be CIDR ranges such as 10.0.0.0/8');
  }
}

export interface AddressLimit {
  requests: number;
  seconds: number;
}

function addressLimit(text: string): AddressLimit | undefined {
  if (text === 'off') return undefined;
  const match = /^(\d{1,9})\/(\d{1,5})$/.exec(text);
  const [requests, seconds] = [Number(match?.[1]), Number(match?.[2])];
  if (!(requests >= 1) || !(seconds >= 1)) {
    throw new SettingProblem('must be REQUESTS/SECONDS such as 1200/60, or off');
  }
  return { requests, seconds };
}

/** Every setting of the program. The order is the order of docs/configuration.md. */
export const declarations = {
  nodeEnv: required({
    env: 'NODE_ENV',
    doc: '`production` turns off everything that is generated, embedded or assumed for one machine.',
    default: 'development',
    parse: oneOf('production', 'development', 'test'),
  }),
  port: required({
    env: 'PORT',
    doc: 'Public API and pages; 0 picks a free port.',
    default: '3000',
    parse: integer(0, 65_535),
  }),
  host: required({
    env: 'HOST',
    doc: 'Address that both ports bind to.',
    default: '127.0.0.1',
    parse: (text) => text,
  }),
  opsPort: required({
    env: 'OPS_PORT',
    doc: '`/metrics` with every label, `/livez` and `/readyz`; never put it behind the ingress. 0 picks a free port.',
    default: '9464',
    parse: integer(0, 65_535),
  }),
  databaseUrl: optional({
    env: 'DATABASE_URL',
    doc: 'PostgreSQL >= 15, as the serving role. Required in production.',
    defaultDoc: 'embedded outside production',
    secret: true,
    parse: url('postgres:', 'postgresql:'),
  }),
  databaseMigrationUrl: optional({
    env: 'DATABASE_MIGRATION_URL',
    doc: 'The role that owns the schema, past any pooler; `migrate` uses it and grants the serving role what it needs.',
    defaultDoc: '`DATABASE_URL`',
    secret: true,
    parse: url('postgres:', 'postgresql:'),
  }),
  databasePrepared: required({
    env: 'VESTIBULE_DB_PREPARED',
    doc: 'Prepared statements; `off` behind PgBouncer < 1.21 in transaction mode.',
    default: 'on',
    parse: oneOf('on', 'off'),
  }),
  databasePool: required({
    env: 'VESTIBULE_DB_POOL',
    doc: 'Most connections to PostgreSQL of one process.',
    default: '10',
    parse: integer(3, 200),
  }),
  drainSeconds: required({
    env: 'VESTIBULE_DRAIN_SECONDS',
    doc: 'How long a process that is told to stop goes on taking requests, so that those in front of it learn that it is not ready. Every answer then closes its connection.',
    default: '0',
    parse: integer(0, 300),
  }),
  vault: required({
    env: 'VESTIBULE_VAULT',
    doc: 'Where configuration and keys live: `directory`, manifests in `VESTIBULE_DIR`; `kubernetes`, custom resources and labelled Secrets.',
    default: 'directory',
    parse: oneOf('directory', 'kubernetes'),
  }),
  directory: required({
    env: 'VESTIBULE_DIR',
    doc: 'Project, Client and Secret manifests directly in it, watched; its sub-folders are the service’s own.',
    default: './.vestibule',
    parse: (text) => text,
  }),
  namespace: optional({
    env: 'VESTIBULE_NAMESPACE',
    doc: 'Where Projects and Clients are; names this installation in the database, which serves one installation only.',
    defaultDoc: 'the pod’s, else `default`',
    parse: dnsLabel,
  }),
  keyNamespace: optional({
    env: 'VESTIBULE_KEY_NAMESPACE',
    doc: 'Where the Secrets with keys are. A namespace of their own is recommended: the service reads Secrets there.',
    defaultDoc: '`VESTIBULE_NAMESPACE`',
    parse: dnsLabel,
  }),
  sealingController: required({
    env: 'VESTIBULE_SEALING_CONTROLLER',
    doc: 'Namespace and name of the sealed-secrets controller’s Service, which gives its certificate.',
    default: 'kube-system/sealed-secrets-controller',
    parse: (text) => {
      const [namespace = '', name = '', ...rest] = text.split('/');
      if (rest.length > 0) throw new SettingProblem('must be NAMESPACE/NAME');
      return { namespace: dnsLabel(namespace), name: dnsLabel(name) };
    },
  }),
  sealingCertificate: optional({
    env: 'VESTIBULE_SEALING_CERT',
    doc: 'A PEM file with the sealed-secrets controller’s certificate, read at every use, instead of asking the controller.',
    defaultDoc: 'the controller is asked',
    parse: (text) => text,
  }),
  tokenReview: required({
    env: 'VESTIBULE_TOKEN_REVIEW',
    doc: '`on`: tokens of service accounts are verified by TokenReview, which alone knows that an account or a pod was deleted; `off`: by the cluster’s published keys. `on` needs `VESTIBULE_VAULT=kubernetes`.',
    default: 'off',
    parse: oneOf('on', 'off'),
  }),
  providerUrls: optional({
    env: 'VESTIBULE_PROVIDER_URLS',
    doc: 'The only provider base URLs that a Project may name, comma separated. A project that a deposit creates gets the first.',
    defaultDoc: '`https://api.openai.com/v1` (and loopback, outside production)',
    parse: (text) => list(url('https:', 'http:'))(text).map(withoutTrailingSlash),
  }),
  turnCloudflareUrl: required({
    env: 'VESTIBULE_TURN_CLOUDFLARE_URL',
    doc: 'Where projects whose `turn.type` is `cloudflare` get credentials; for tests, an origin on loopback, outside production.',
    default: CLOUDFLARE_TURN_URL,
    parse: cloudflareTurnUrl,
  }),
  adminKeys: optional({
    env: 'VESTIBULE_ADMIN_KEY',
    doc: 'Accepted in `X-Admin-API-Key`: at least 32 characters; several, comma separated. Required in production.',
    defaultDoc: 'generated and printed outside production',
    secret: true,
    parse: secrets,
  }),
  jwtSecrets: optional({
    env: 'VESTIBULE_JWT_SECRET',
    doc: 'HS256 secrets of own tokens, at least 32 bytes; several, comma separated: the first signs, all verify. Required in production.',
    defaultDoc: 'generated outside production',
    secret: true,
    parse: secrets,
  }),
  jwtIssuers: required({
    env: 'VESTIBULE_JWT_ISSUERS',
    doc: 'JSON list of `{issuer, audience, jwksUri?, clientClaim?, algorithms?}`; RS256, PS256, ES256, EdDSA by JWKS.',
    default: '[]',
    parse: issuers,
  }),
  auditFile: optional({
    env: 'VESTIBULE_AUDIT_FILE',
    doc: 'A file that audit rows are also appended to, as JSON lines, each synced to the disk. Each process should have its own.',
    defaultDoc: 'none',
    parse: (text) => text,
  }),
  auditFileRequired: required({
    env: 'VESTIBULE_AUDIT_FILE_REQUIRED',
    doc: '`on`: a row is in that file before its key is used or its session answered; while the file does not take rows, sessions get 503 and the process is not ready. `off`: the file is written as well as it goes.',
    default: 'off',
    parse: oneOf('on', 'off'),
  }),
  auditSigningKeys: optional({
    env: 'VESTIBULE_AUDIT_SIGNING_KEY',
    doc: 'Ed25519 private key (PKCS#8 PEM) that signs heads of the audit, the same for all replicas; further keys in it, also public ones, verify what older ones signed.',
    defaultDoc: 'generated outside production; without one heads are not signed and nothing can be pruned',
    secret: true,
    parse: signingKeys,
  }),
  addressLimit: required({
    env: 'VESTIBULE_ADDRESS_LIMIT',
    doc: 'Requests per seconds from one address (IPv6: its /64), in this process’s memory, before authentication; `off`.',
    default: '1200/60',
    parse: addressLimit,
  }),
  trustProxy: required({
    env: 'VESTIBULE_TRUST_PROXY',
    doc: 'CIDRs, comma separated, whose `X-Forwarded-For` and sampled flag are believed.',
    default: '',
    parse: list(addressRange),
  }),
  hosts: optional({
    env: 'VESTIBULE_HOSTS',
    doc: '`Host` names that are answered, comma separated; others get 421.',
    defaultDoc: 'loopback names outside production; any in production',
    parse: (text) => list((host) => host.toLowerCase())(text),
  }),
  logLevel: required({
    env: 'LOG_LEVEL',
    doc: 'Least severe level that is logged.',
    default: 'info',
    parse: oneOf('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'),
  }),
} satisfies Record<string, Setting<unknown>>;

type Declarations = typeof declarations;
export type DeclaredSettings = { [K in keyof Declarations]: ReturnType<Declarations[K]['parse']> };
