import Type, { type TSchema } from 'typebox';

/** The model of a session that names none, in a project that lists none. */
export const DEFAULT_MODEL = 'gpt-realtime-2.1';
export const DEFAULT_BASE_URL = 'https://api.openai.com/v1';

const closed = { additionalProperties: false };
/** A DNS subdomain name, of RFC 1123. */
export const MAX_NAME_LENGTH = 253;
const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const NAME = `^${LABEL}(\\.${LABEL})*$`;
/** Model and voice names as providers write them. */
export const TERM = '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$';
const TERM_PATTERN = new RegExp(TERM);

export function isTerm(text: string): boolean {
  return TERM_PATTERN.test(text);
}

export const PROJECT_ID = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$';
/** Entries of Secrets that hold TURN secrets: no key's, unless somebody names it so. */
export const TURN_ENTRY = '^turn[-._a-zA-Z0-9]{0,249}$';
/** Seconds that the credentials of relays live where a Project says nothing else. */
export const TURN_TTL_S = 600;

/** 1 to 65535: with any other, browsers refuse all servers of a connection. */
const PORT = '(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})';
const ICE_HOST = `([A-Za-z0-9]([-.A-Za-z0-9]{0,251}[A-Za-z0-9])?|\\[[0-9A-Fa-f:.]{2,45}\\])(:${PORT})?`;
/** A STUN or TURN URL, of RFC 7064 and 7065. */
export const ICE_URL = `^(stuns?:${ICE_HOST}|turns?:${ICE_HOST}(\\?transport=(udp|tcp))?)$`;
/** What \s is differs between JavaScript and RE2: the classes of Unicode are the same in both. */
const ORIGIN = '^[a-z][a-z0-9+.-]*://[^/\\s\\p{Z}\\p{Cc}\\p{Cf}]+$';

function nameOf(description: string) {
  return Type.String({ pattern: NAME, maxLength: 253, description });
}

function term(description: string) {
  return Type.String({ pattern: TERM, maxLength: 128, description });
}

const requests = { minimum: 1, maximum: 1_000_000_000 };
const window = { minimum: 1, maximum: 86_400 };

export const Limits = Type.Object(
  {
    requests: Type.Integer({
      ...requests,
      default: 100,
      description: 'How many session requests one window allows.',
    }),
    windowSeconds: Type.Integer({
      ...window,
      default: 900,
      description: 'Length of a window in seconds; it starts with the first request that is counted.',
    }),
    sessionsPerMonth: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000_000_000,
        description: 'How many sessions a calendar month (UTC) allows; without it there is no quota.',
      }),
    ),
  },
  {
    ...closed,
    default: {},
    description: 'How often sessions may be requested.',
  },
);

const slots = { minimum: 1, maximum: 1_000_000 };

const Access = Type.Object(
  {
    projectId: Type.Union([Type.Literal('Open'), Type.Literal('Disabled')], {
      default: 'Open',
      description: 'Open lets anybody who names the project id open a session; Disabled lets only clients.',
    }),
    allowedOrigins: Type.Array(
      Type.String({
        pattern: ORIGIN,
        maxLength: 300,
        description: 'An origin as browsers send it, such as https://shop.example.com.',
      }),
      {
        maxItems: 100,
        default: [],
        description: 'The web origins that may ask with the project id; an empty list allows any.',
      },
    ),
    maxConcurrent: Type.Optional(
      Type.Integer({
        ...slots,
        description:
          'How many sessions opened with the bare project id may be live at once; without it session.maxConcurrent.',
      }),
    ),
    perAddress: Type.Object(
      {
        requests: Type.Integer({
          ...requests,
          default: 60,
          description: 'How many session requests one window allows an address.',
        }),
        windowSeconds: Type.Integer({
          ...window,
          default: 60,
          description: 'Length of a window in seconds; it starts with the first request that is counted.',
        }),
      },
      {
        ...closed,
        default: {},
        description: 'How often one address may ask with the project id.',
      },
    ),
  },
  { ...closed, default: {}, description: 'Who may open sessions with nothing but the project id.' },
);

const Session = Type.Object(
  {
    maxConcurrent: Type.Integer({
      ...slots,
      default: 5,
      description: 'How many sessions of the project may be live at once.',
    }),
    secretTtlSeconds: Type.Integer({
      minimum: 10,
      maximum: 7_200,
      default: 60,
      description: 'Seconds in which a credential can start its conversation.',
    }),
    leaseSeconds: Type.Integer({
      minimum: 15,
      maximum: 7_200,
      default: 120,
      description: 'Seconds after the last heartbeat until a slot is free again; at least secretTtlSeconds.',
    }),
    maxDurationSeconds: Type.Integer({
      minimum: 30,
      maximum: 86_400,
      default: 3_600,
      description: 'Seconds after which a session ends, whatever its heartbeats.',
    }),
    models: Type.Array(term('A model as the provider names it.'), {
      maxItems: 100,
      default: [],
      description: "The models that may be asked for, the project's default first; an empty list allows any.",
    }),
    modelAliases: Type.Optional(
      Type.Record(Type.String(), term('The model that is used instead.'), {
        maxProperties: 100,
        description:
          'From a model that is asked for to the one that is used; without it gpt-4o-realtime-preview means the default model.',
      }),
    ),
    voices: Type.Array(term('A voice as the provider names it.'), {
      maxItems: 100,
      default: [],
      description: 'The voices that may be asked for; an empty list allows any.',
    }),
    defaults: Type.Object(
      {
        voice: Type.Optional(
          term("The voice of a session that asks for none, one of voices; without it the provider's choice."),
        ),
        instructions: Type.Optional(
          Type.String({
            maxLength: 32_768,
            description: 'The instructions of a session that brings none; without it there are none.',
          }),
        ),
      },
      { ...closed, default: {}, description: 'What a session gets that does not ask for it.' },
    ),
  },
  {
    ...closed,
    default: {},
    description: 'How many sessions there may be, for how long, and what they may use.',
  },
);

const Turn = Type.Object(
  {
    type: Type.Union(
      [Type.Literal('none'), Type.Literal('coturn'), Type.Literal('cloudflare'), Type.Literal('static')],
      {
        default: 'none',
        description:
          'none: STUN only. coturn: credentials that expire, made with the secret that the relay shares (use-auth-secret). cloudflare: credentials of a TURN key of Cloudflare. static: one user name and credential for all.',
      },
    ),
    urls: Type.Optional(
      Type.Array(
        Type.String({
          pattern: ICE_URL,
          maxLength: 300,
          description: 'A URL such as turn:turn.example.com:3478?transport=udp, turns: or stun:.',
        }),
        {
          maxItems: 10,
          description: 'Where the relays are, for coturn and static; its stun: URLs replace the public one.',
        },
      ),
    ),
    keyId: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_-]{1,64}$',
        maxLength: 64,
        description: 'The id of the TURN key, for cloudflare; the secret is its API token.',
      }),
    ),
    username: Type.Optional(
      Type.String({
        pattern: '^[!-~]{1,255}$',
        maxLength: 255,
        description: 'The user name, for static; the secret is its credential.',
      }),
    ),
    // Its default is not in the schema: the API server would write it into every Project, and a release that does not know
    // the field refuses those.
    ttlSeconds: Type.Optional(
      Type.Integer({
        minimum: 60,
        maximum: 86_400,
        description: `Seconds that credentials live; static ones are asked for again after them. ${TURN_TTL_S} without it.`,
      }),
    ),
    secretRef: Type.Optional(
      Type.Object(
        {
          name: nameOf("The Secret's name."),
          key: Type.String({
            pattern: TURN_ENTRY,
            maxLength: 253,
            default: 'turnSecret',
            description:
              'The entry of the Secret; its name begins with turn, so that no key is taken for it.',
          }),
        },
        { ...closed, description: 'The Secret with the TURN secret, in the namespace of keys.' },
      ),
    ),
  },
  { ...closed, default: {}, description: 'Which TURN relays sessions get.' },
);

export const ProjectSpec = Type.Object(
  {
    projectId: Type.Optional(
      Type.String({
        pattern: PROJECT_ID,
        maxLength: 63,
        description: "The project id that callers send; without it the resource's name.",
      }),
    ),
    provider: Type.Object(
      {
        type: Type.Literal('openai', { default: 'openai', description: "The provider's kind." }),
        baseUrl: Type.String({
          pattern: '^https?://',
          maxLength: 500,
          default: DEFAULT_BASE_URL,
          description: 'Where its API is; the service must be configured to allow this URL.',
        }),
      },
      { ...closed, default: {}, description: 'Whose voice API the project uses.' },
    ),
    keySecretRef: Type.Object(
      {
        name: Type.Optional(nameOf("The Secret's name; without it the resource's name followed by -key.")),
        key: Type.String({
          pattern: '^[-._a-zA-Z0-9]{1,253}$',
          maxLength: 253,
          default: 'apiKey',
          description: 'The entry of the Secret that holds the key.',
        }),
      },
      { ...closed, default: {}, description: 'The Secret with the provider key, in the namespace of keys.' },
    ),
    access: Access,
    session: Session,
    limits: Limits,
    turn: Turn,
    suspended: Type.Boolean({
      default: false,
      description: 'True refuses new sessions at once and ends the live ones.',
    }),
  },
  { ...closed, default: {}, description: 'What the project may do; everything has a default.' },
);
export type ProjectSpec = Type.Static<typeof ProjectSpec>;

/** A kind's whole document around its spec. */
function manifestOf<const Kind extends string, Spec extends TSchema>(kind: Kind, spec: Spec) {
  return Type.Object(
    {
      apiVersion: Type.Optional(Type.String()),
      kind: Type.Literal(kind),
      metadata: Type.Object({ name: Type.String({ pattern: NAME }) }, { additionalProperties: true }),
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
    clientId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        pattern: '^[\\x20-\\x7e]+$',
        description: "The client's name in its tokens; without it the resource's name.",
      }),
    ),
    issuer: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 512,
        description: 'The OIDC issuer of its tokens; without it this service signs them.',
      }),
    ),
    serviceAccount: Type.Optional(
      Type.Object(
        {
          namespace: nameOf("The service account's namespace."),
          name: nameOf("The service account's name."),
        },
        {
          ...closed,
          description: 'A Kubernetes service account that is the client, instead of clientId and issuer.',
        },
      ),
    ),
    projectRef: Type.Object(
      { name: nameOf("The Project's name.") },
      { ...closed, description: 'The Project whose sessions the client opens, in the same namespace.' },
    ),
    maxConcurrent: Type.Optional(
      Type.Integer({
        ...slots,
        description: "How many sessions of the client may be live at once; without it the project's limit.",
      }),
    ),
    limits: Limits,
    tokensNotBefore: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'An RFC 3339 time: tokens issued before it are refused; without it no token is too old.',
      }),
    ),
    suspended: Type.Boolean({
      default: false,
      description: 'True refuses new sessions at once and ends the live ones.',
    }),
  },
  { ...closed, description: 'Who the client is, and what it may do.' },
);
export type ClientSpec = Type.Static<typeof ClientSpec>;

export const ClientManifest = manifestOf('Client', ClientSpec);
