type Kind = 'Project' | 'Client';
type Spec = Record<string, unknown>;

export interface GoodResource {
  what: string;
  kind: Kind;
  spec: Spec;
}

export interface BadResource extends GoodResource {
  /** JSON Pointer of the field at fault. */
  field: string;
  /** Of a rule between fields, or for a field that is not known; the schema's own words are each checker's own. */
  message?: string;
}

const projectRef = { name: 'proj-123' };

export const UNKNOWN = 'is not a known field';

function project(what: string, spec: Spec): GoodResource {
  return { what: `a Project with ${what}`, kind: 'Project', spec };
}

function client(what: string, spec: Spec): GoodResource {
  return { what: `a Client with ${what}`, kind: 'Client', spec: { projectRef, ...spec } };
}

function bad(resource: GoodResource, field: string, message?: string): BadResource {
  return { ...resource, field, ...(message !== undefined && { message }) };
}

/** Taken by our checker and by the API server, which fill in the same. */
export const GOOD_RESOURCES: readonly GoodResource[] = [
  project('nothing', {}),
  project('some fields of each part', {
    provider: { baseUrl: 'https://api.openai.com/v1' },
    keySecretRef: { name: 'shared-key' },
    access: { perAddress: { requests: 1 } },
    session: { maxConcurrent: 1_000_000 },
    limits: { sessionsPerMonth: 0 },
  }),
  project('fields without a value', { limits: null, session: { leaseSeconds: null, modelAliases: null } }),
  project('a lease as long as the secret', { session: { secretTtlSeconds: 7_200, leaseSeconds: 7_200 } }),
  project('a default voice and no voices', { session: { defaults: { voice: 'ash' } } }),
  project('a default voice among voices', {
    session: { voices: ['echo', 'ash'], defaults: { voice: 'ash' } },
  }),
  project('no alias', { session: { modelAliases: {} } }),
  project('an alias', { session: { modelAliases: { 'voice-small': 'gpt-realtime-mini' } } }),
  project('the longest instructions', { session: { defaults: { instructions: '🙂'.repeat(32_768) } } }),
  project('ports from the first to the last', {
    turn: {
      type: 'static',
      urls: ['turn:192.0.2.1:1', 'turn:192.0.2.1:9999', 'turn:192.0.2.1:10000', 'turn:192.0.2.1:65535'],
      username: 'u',
      secretRef: { name: 'relay' },
    },
  }),
  project('a coturn', {
    turn: {
      type: 'coturn',
      urls: ['stun:[2001:db8::1]', 'turn:turn.example.com:3478?transport=udp', 'turns:turn.example.com'],
      secretRef: { name: 'relay' },
      ttlSeconds: 60,
    },
  }),
  project('a TURN key of Cloudflare', {
    turn: { type: 'cloudflare', keyId: 'a1', secretRef: { name: 'relay', key: 'turn.token' } },
  }),
  project('a relay for all', {
    turn: { type: 'static', urls: ['turn:192.0.2.1'], username: 'u', secretRef: { name: 'relay' } },
  }),
  project('relays that are switched off', {
    turn: { type: 'none', urls: ['turn:192.0.2.1'], keyId: 'a', secretRef: { name: 'relay' } },
  }),
  project('an origin in another script', {
    access: { allowedOrigins: ['https://bücher.example', 'app://x'] },
  }),
  client('nothing but its project', {}),
  client('fields without a value', { clientId: null, limits: { requests: null }, suspended: null }),
  client('a service account', { serviceAccount: { namespace: 'shop', name: 'web' } }),
  client('an id and an issuer', { clientId: 'acme corp', issuer: 'https://idp.example.com' }),
  ...[
    '2026-01-01T00:00:00Z',
    '2026-06-30T23:59:59.123456789+14:00',
    '2024-02-29T12:00:00-00:30',
    '2000-02-29T12:00:00Z',
  ].map((tokensNotBefore) => client(`the time ${tokensNotBefore}`, { tokensNotBefore })),
];

export const BAD_RESOURCES: readonly BadResource[] = [
  bad(project('an unknown field', { limitz: {} }), '/spec/limitz', UNKNOWN),
  bad(project('an unknown field further in', { session: { modles: [] } }), '/spec/session/modles', UNKNOWN),
  bad(project('an id that is none', { projectId: '-x' }), '/spec/projectId'),
  bad(project('a Secret that cannot be', { keySecretRef: { name: 'a..b' } }), '/spec/keySecretRef/name'),
  bad(project('a provider that is none', { provider: { type: 'acme' } }), '/spec/provider/type'),
  bad(project('an access that is none', { access: { projectId: 'open' } }), '/spec/access/projectId'),
  bad(
    project('an origin with a path', { access: { allowedOrigins: ['https://shop.example.com/'] } }),
    '/spec/access/allowedOrigins/0',
  ),
  bad(
    project('an origin with a space of another script', { access: { allowedOrigins: ['https://a\u00a0b'] } }),
    '/spec/access/allowedOrigins/0',
  ),
  bad(project('no slots', { session: { maxConcurrent: 0 } }), '/spec/session/maxConcurrent'),
  bad(project('a number as text', { session: { maxConcurrent: '5' } }), '/spec/session/maxConcurrent'),
  bad(project('half a second', { session: { leaseSeconds: 60.5 } }), '/spec/session/leaseSeconds'),
  bad(project('a model without a name', { session: { models: [''] } }), '/spec/session/models/0'),
  bad(project('a model that is null', { session: { models: [null] } }), '/spec/session/models/0'),
  bad(
    project('too many voices', { session: { voices: Array.from({ length: 101 }, () => 'echo') } }),
    '/spec/session/voices',
  ),
  bad(
    project('a lease shorter than the secret', { session: { secretTtlSeconds: 100, leaseSeconds: 99 } }),
    '/spec/session/leaseSeconds',
    'must be at least secretTtlSeconds',
  ),
  bad(
    project('a lease shorter than the default of the secret', { session: { leaseSeconds: 59 } }),
    '/spec/session/leaseSeconds',
    'must be at least secretTtlSeconds',
  ),
  bad(
    project('a default voice that is not listed', {
      session: { voices: ['echo'], defaults: { voice: 'ash' } },
    }),
    '/spec/session/defaults/voice',
    'must be one of voices',
  ),
  bad(
    project('an alias that is no model name', { session: { modelAliases: { 'no model': 'gpt-realtime' } } }),
    '/spec/session/modelAliases',
    'has a key that is no model name',
  ),
  bad(
    project('an alias for no model name', { session: { modelAliases: { small: 'no model' } } }),
    '/spec/session/modelAliases/small',
  ),
  bad(
    project('instructions that are too long', {
      session: { defaults: { instructions: 'é'.repeat(32_769) } },
    }),
    '/spec/session/defaults/instructions',
  ),
  bad(project('a relay that is none', { turn: { type: 'acme' } }), '/spec/turn/type'),
  ...[
    'http://turn.example.com',
    'turn://turn.example.com',
    'turn:user@turn.example.com',
    'turn:turn.example.com?transport=sctp',
    'stun:turn.example.com?transport=udp',
    'turn:turn.example.com\n',
    'turn:turn.example.com:0',
    'turn:turn.example.com:65536',
    'turn:turn.example.com:70000',
    'turns:turn.example.com:99999',
    'stun:turn.example.com:100000',
    'turn:',
  ].map((url) =>
    bad(
      project(`the relay ${JSON.stringify(url)}`, {
        turn: { type: 'coturn', urls: [url, 'turn:192.0.2.1'], secretRef: { name: 'relay' } },
      }),
      '/spec/turn/urls/0',
    ),
  ),
  bad(
    project('relays that only tell addresses', {
      turn: { type: 'coturn', urls: ['stun:192.0.2.1'], secretRef: { name: 'relay' } },
    }),
    '/spec/turn/urls',
    'must have a turn: or turns: URL',
  ),
  bad(
    project('a coturn without a place', { turn: { type: 'coturn', secretRef: { name: 'relay' } } }),
    '/spec/turn/urls',
    'is needed with the type coturn or static, and goes with no other',
  ),
  bad(
    project('a coturn without a secret', { turn: { type: 'coturn', urls: ['turn:192.0.2.1'] } }),
    '/spec/turn/secretRef',
    'is needed with the type coturn or cloudflare or static, and goes with no other',
  ),
  bad(
    project('a TURN key without an id', { turn: { type: 'cloudflare', secretRef: { name: 'relay' } } }),
    '/spec/turn/keyId',
    'is needed with the type cloudflare, and goes with no other',
  ),
  bad(
    project('a TURN key that is a path', {
      turn: { type: 'cloudflare', keyId: '../x', secretRef: { name: 'relay' } },
    }),
    '/spec/turn/keyId',
  ),
  bad(
    project('a coturn with a user name', {
      turn: { type: 'coturn', urls: ['turn:192.0.2.1'], username: 'u', secretRef: { name: 'relay' } },
    }),
    '/spec/turn/username',
    'is needed with the type static, and goes with no other',
  ),
  bad(
    project('a TURN secret where keys are', {
      turn: { type: 'cloudflare', keyId: 'a', secretRef: { name: 'shop-key', key: 'apiKey' } },
    }),
    '/spec/turn/secretRef/key',
  ),
  bad(project('credentials for a moment', { turn: { ttlSeconds: 59 } }), '/spec/turn/ttlSeconds'),
  bad({ what: 'a Client without a project', kind: 'Client', spec: {} }, '/spec/projectRef'),
  bad(client('an unknown field', { role: 'admin' }), '/spec/role', UNKNOWN),
  bad(client('an id of other letters', { clientId: 'é' }), '/spec/clientId'),
  bad(
    client('a service account and an id', { serviceAccount: { namespace: 'a', name: 'b' }, clientId: 'c' }),
    '/spec/serviceAccount',
    'cannot be combined with clientId or issuer',
  ),
  bad(
    client('a service account and an issuer', {
      serviceAccount: { namespace: 'a', name: 'b' },
      issuer: 'https://idp.example.com',
    }),
    '/spec/serviceAccount',
    'cannot be combined with clientId or issuer',
  ),
  ...[
    'yesterday',
    '2026-01-01',
    '2026-01-01T00:00:00',
    '2026-13-01T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2026-06-31T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:00:60Z',
    '2026-01-01T00:00:00+24:00',
    '2026-01-01T00:00:00Z\n',
  ].map((tokensNotBefore) =>
    bad(
      client(`the time ${JSON.stringify(tokensNotBefore)}`, { tokensNotBefore }),
      '/spec/tokensNotBefore',
      'must be an RFC 3339 time',
    ),
  ),
];
