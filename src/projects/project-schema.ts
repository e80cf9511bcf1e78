import Type, { type TSchema } from 'typebox';

/** The model of a session that names none, in a project that lists none. */
export const DEFAULT_MODEL = 'gpt-realtime-2.1';
export const DEFAULT_BASE_URL = 'https://api.openai.com/v1';

const closed = { additionalProperties: false };
const name = '^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$';
/** Model and voice names as providers write them. */
export const TERM = '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$';
const TERM_PATTERN = new RegExp(TERM);

export function isTerm(text: string): boolean {
  return TERM_PATTERN.test(text);
}

export const PROJECT_ID = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$';

export const Limits = Type.Object(
  {
    requests: Type.Integer({ minimum: 1, maximum: 1_000_000_000, default: 100 }),
    windowSeconds: Type.Integer({ minimum: 1, maximum: 86_400, default: 900 }),
    sessionsPerMonth: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000_000_000 })),
  },
  { ...closed, default: {} },
);

const slots = { minimum: 1, maximum: 1_000_000 };
const MaxConcurrent = Type.Integer(slots);

const Access = Type.Object(
  {
    projectId: Type.Union([Type.Literal('Open'), Type.Literal('Disabled')], { default: 'Open' }),
    allowedOrigins: Type.Array(Type.String({ pattern: '^[a-z][a-z0-9+.-]*://[^/\\s]+$', maxLength: 300 }), {
      maxItems: 100,
      default: [],
    }),
    maxConcurrent: Type.Optional(MaxConcurrent),
    perAddress: Type.Object(
      {
        requests: Type.Integer({ minimum: 1, maximum: 1_000_000_000, default: 60 }),
        windowSeconds: Type.Integer({ minimum: 1, maximum: 86_400, default: 60 }),
      },
      { ...closed, default: {} },
    ),
  },
  { ...closed, default: {} },
);

const Session = Type.Object(
  {
    maxConcurrent: Type.Integer({ ...slots, default: 5 }),
    secretTtlSeconds: Type.Integer({ minimum: 10, maximum: 7_200, default: 60 }),
    leaseSeconds: Type.Integer({ minimum: 15, maximum: 7_200, default: 120 }),
    maxDurationSeconds: Type.Integer({ minimum: 30, maximum: 86_400, default: 3_600 }),
    models: Type.Array(Type.String({ pattern: TERM }), { maxItems: 100, default: [] }),
    modelAliases: Type.Optional(
      Type.Record(Type.String(), Type.String({ pattern: TERM }), { maxProperties: 100 }),
    ),
    voices: Type.Array(Type.String({ pattern: TERM }), { maxItems: 100, default: [] }),
    defaults: Type.Object(
      {
        voice: Type.Optional(Type.String({ pattern: TERM })),
        instructions: Type.Optional(Type.String({ maxLength: 32_768 })),
      },
      { ...closed, default: {} },
    ),
  },
  { ...closed, default: {} },
);

export const ProjectSpec = Type.Object(
  {
    projectId: Type.Optional(Type.String({ pattern: PROJECT_ID })),
    provider: Type.Object(
      {
        type: Type.Literal('openai', { default: 'openai' }),
        baseUrl: Type.String({ pattern: '^https?://', maxLength: 500, default: DEFAULT_BASE_URL }),
      },
      { ...closed, default: {} },
    ),
    keySecretRef: Type.Object(
      {
        name: Type.Optional(Type.String({ pattern: name })),
        key: Type.String({ pattern: '^[-._a-zA-Z0-9]{1,253}$', default: 'apiKey' }),
      },
      { ...closed, default: {} },
    ),
    access: Access,
    session: Session,
    limits: Limits,
    turn: Type.Object({ type: Type.Literal('none', { default: 'none' }) }, { ...closed, default: {} }),
    suspended: Type.Boolean({ default: false }),
  },
  { ...closed, default: {} },
);
export type ProjectSpec = Type.Static<typeof ProjectSpec>;

/** A kind's whole document around its spec. */
function manifestOf<const Kind extends string, Spec extends TSchema>(kind: Kind, spec: Spec) {
  return Type.Object(
    {
      apiVersion: Type.Optional(Type.String()),
      kind: Type.Literal(kind),
      metadata: Type.Object({ name: Type.String({ pattern: name }) }, { additionalProperties: true }),
      spec,
      // written by the operator; ignored when a copied manifest carries it
      status: Type.Optional(Type.Unknown()),
    },
    closed,
  );
}

export const ProjectManifest = manifestOf('Project', ProjectSpec);

export const ClientSpec = Type.Object(
  {
    clientId: Type.Optional(Type.String({ minLength: 1, maxLength: 255, pattern: '^[\\x20-\\x7e]+$' })),
    issuer: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
    serviceAccount: Type.Optional(
      Type.Object(
        { namespace: Type.String({ pattern: name }), name: Type.String({ pattern: name }) },
        closed,
      ),
    ),
    projectRef: Type.Object({ name: Type.String({ pattern: name }) }, closed),
    maxConcurrent: Type.Optional(MaxConcurrent),
    limits: Limits,
    tokensNotBefore: Type.Optional(
      Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?(Z|[+-]\\d{2}:\\d{2})$' }),
    ),
    suspended: Type.Boolean({ default: false }),
  },
  closed,
);
export type ClientSpec = Type.Static<typeof ClientSpec>;

export const ClientManifest = manifestOf('Client', ClientSpec);
