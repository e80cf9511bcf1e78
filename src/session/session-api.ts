import Type from 'typebox';
import { SESSION_ID_PATTERN } from '../common/ids.ts';
import { json, type RouteDescription } from '../openapi/describe.ts';
import { closed, EXAMPLE, nullable, Time, UnixSeconds } from '../openapi/schemas.ts';
import { DEFAULT_MODEL } from '../projects/project-schema.ts';
import { ClientSecretsBody, IDEMPOTENCY_KEY, SessionBody } from './open-request.ts';
import { SESSION_STATES } from './session-queries.ts';
import { IceServers } from './turn-api.ts';

export const SessionId = Type.String({ pattern: SESSION_ID_PATTERN.source, description: 'A session.' });
export const State = Type.Enum([...SESSION_STATES], {
  description: '`opening` and `active` hold a slot; the others are ends.',
});
export const Voice = nullable(Type.String({ description: 'Null when not even the provider names one.' }));
const LeaseToken = Type.String({ description: 'Keeps, shows and frees this session. Told once.' });
const Secret = { value: Type.String({ description: 'The ephemeral credential.' }), expires_at: UnixSeconds };

const OpenedSession = Type.Object(
  {
    session_id: SessionId,
    id: Type.String({ description: 'The provider’s id of the session; ours when it gives none.' }),
    object: Type.Literal('realtime.session'),
    model: Type.String(),
    voice: Voice,
    client_secret: Type.Object(Secret, closed),
    ...Secret,
    session: Type.Object({}, { description: 'The provider’s own session object.' }),
    connect: Type.Object(
      { webrtc: Type.String({ format: 'uri' }), websocket: Type.String({ format: 'uri' }) },
      { ...closed, description: 'Where to use the credential.' },
    ),
    lease_token: LeaseToken,
    lease_expires_at: UnixSeconds,
    turn_credentials: Type.Object({ iceServers: IceServers }, closed),
    metadata: Type.Object(
      {
        project_id: Type.String(),
        provider: Type.Literal('openai'),
        flow: Type.Enum(['vault', 'commercial']),
        active_sessions: Type.Integer({ minimum: 1, description: 'Of the project, this one included.' }),
        max_concurrent: Type.Integer({ minimum: 1 }),
      },
      closed,
    ),
  },
  { ...closed, title: 'OpenedSession' },
);

const Session = Type.Object(
  {
    session_id: SessionId,
    state: State,
    model: Type.String(),
    voice: Voice,
    lease_expires_at: UnixSeconds,
    ends_at: Time,
  },
  { ...closed, title: 'Session' },
);

const openedExample = {
  session_id: EXAMPLE.sessionId,
  id: 'sess_example',
  object: 'realtime.session',
  model: DEFAULT_MODEL,
  voice: 'marin',
  client_secret: { value: 'ek_example', expires_at: EXAMPLE.unixSeconds },
  value: 'ek_example',
  expires_at: EXAMPLE.unixSeconds,
  session: { type: 'realtime', object: 'realtime.session', id: 'sess_example', model: DEFAULT_MODEL },
  connect: {
    webrtc: 'https://api.openai.com/v1/realtime/calls',
    websocket: `wss://api.openai.com/v1/realtime?model=${DEFAULT_MODEL}`,
  },
  lease_token: 'lt_example',
  lease_expires_at: EXAMPLE.unixSeconds + 60,
  turn_credentials: { iceServers: [{ urls: ['stun:stun.cloudflare.com:3478'] }] },
  metadata: {
    project_id: EXAMPLE.projectId,
    provider: 'openai',
    flow: 'vault',
    active_sessions: 1,
    max_concurrent: 5,
  },
};
const sessionExample = {
  session_id: EXAMPLE.sessionId,
  state: 'active',
  model: DEFAULT_MODEL,
  voice: 'marin',
  lease_expires_at: EXAMPLE.unixSeconds + 60,
  ends_at: '2025-11-22T16:20:00.000Z',
};

const id = '$response.body#/session_id';
const opened = {
  description: 'The session is open; its slot is held until the lease ends.',
  content: json(OpenedSession, openedExample),
  headers: ['Idempotency-Replayed'],
  links: {
    readSession: { parameters: { id } },
    renewSession: { parameters: { id } },
    releaseSession: { parameters: { id } },
    terminateSession: { parameters: { id } },
    releaseSessionByBeacon: {
      parameters: { id },
      requestBody: { lease_token: '$response.body#/lease_token' },
    },
  },
} as const;

const opening = {
  tag: 'Sessions',
  headers: {
    'Idempotency-Key': Type.String({
      pattern: IDEMPOTENCY_KEY,
      description:
        'For 24 hours, the same key with the same body gets the first 200 again and takes nothing. Its scope is the client, or the project and the address.',
    }),
  },
  answers: { 200: opened },
  errors: [
    'idempotency_conflict',
    'quota_exceeded',
    'concurrency_limit_exceeded',
    'provider_rate_limited',
    'provider_rejected_key',
    'provider_error',
  ],
} as const satisfies Partial<RouteDescription>;

export const openSession: RouteDescription = {
  ...opening,
  id: 'openSession',
  summary: 'Open a session',
  description:
    'With a JWT, or with a bare `project_id`. The model and voice that are not named are the project’s defaults. The provider has the last word on both.',
  body: {
    required: false,
    content: json(SessionBody, { project_id: EXAMPLE.projectId, voice: 'marin' }),
  },
};

export const openSessionCompatibly: RouteDescription = {
  ...opening,
  id: 'openSessionCompatibly',
  summary: 'Open a session in the provider’s shape',
  description:
    'An SDK of the provider works with only its base URL and key (a JWT) changed. Errors are in the provider’s envelope. The life of the credential is at most the project’s.',
  body: {
    required: false,
    content: json(ClientSecretsBody, {
      project_id: EXAMPLE.projectId,
      expires_after: { anchor: 'created_at', seconds: 60 },
      session: { type: 'realtime', model: DEFAULT_MODEL, audio: { output: { voice: 'marin' } } },
    }),
  },
};

const path = {
  id: Type.String({
    pattern: SESSION_ID_PATTERN.source,
    description: 'A session’s `session_id`.',
    examples: [EXAMPLE.sessionId],
  }),
};

export const readSession: RouteDescription = {
  id: 'readSession',
  tag: 'Sessions',
  summary: 'A session’s state',
  description: 'Also after it has ended, for seven days.',
  path,
  answers: { 200: { description: 'The session.', content: json(Session, sessionExample) } },
};

export const renewSession: RouteDescription = {
  id: 'renewSession',
  tag: 'Sessions',
  summary: 'Renew a session’s lease',
  path,
  answers: { 200: { description: 'Renewed.', content: json(Session, sessionExample) } },
  errors: ['session_ended'],
};

const released = { 204: { description: 'The slot is free. So it is when it was free before.' } };

export const releaseSession: RouteDescription = {
  id: 'releaseSession',
  tag: 'Sessions',
  summary: 'Free a session’s slot',
  path,
  answers: released,
};

/** More is no error: what a page sends while it closes is never answered to anybody. */
export const ReleaseBody = Type.Object(
  {
    lease_token: Type.Optional(
      Type.String({ description: 'In place of the header, which a beacon cannot have.' }),
    ),
  },
  { title: 'ReleaseBody' },
);

export const releaseSessionByBeacon: RouteDescription = {
  id: 'releaseSessionByBeacon',
  tag: 'Sessions',
  summary: 'Free a session’s slot, from a page that closes',
  description: 'For `navigator.sendBeacon`, which sends no headers of its own: the token is in the body.',
  path,
  body: {
    required: false,
    content: {
      ...json(ReleaseBody, { lease_token: 'lt_example' }),
      'text/plain': {
        schema: Type.String({
          contentMediaType: 'application/json',
          description: 'The same JSON, as text: it needs no preflight.',
        }),
        example: '{"lease_token":"lt_example"}',
      },
    },
  },
  credentialsInBody: true,
  answers: released,
};
