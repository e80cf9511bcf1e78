import Type from 'typebox';
import { json, type RouteDescription } from '../openapi/describe.ts';
import { closed, EXAMPLE, NextCursor, nullable, Time, UnixSeconds } from '../openapi/schemas.ts';
import { DEFAULT_MODEL } from '../projects/project-schema.ts';
import { SessionId, State, Voice } from './session-api.ts';
import { SESSION_STATES } from './session-queries.ts';

export const SessionsQuery = Type.Object(
  {
    project_id: Type.Optional(Type.String({ maxLength: 63, description: 'Of this project only.' })),
    state: Type.Optional(Type.Enum([...SESSION_STATES], { description: 'In this state only.' })),
    cursor: Type.Optional(
      Type.String({ maxLength: 500, description: 'The `next_cursor` of the page before.' }),
    ),
    limit: Type.Integer({ minimum: 1, maximum: 1000, default: 100, description: 'Sessions in the answer.' }),
  },
  closed,
);

const ListedSession = Type.Object(
  {
    session_id: SessionId,
    project_id: nullable(Type.String({ description: 'Null once the project is configured no more.' })),
    client: nullable(Type.String({ description: 'The resource’s name; null in the vault flow.' })),
    flow: Type.Enum(['vault', 'commercial']),
    state: State,
    model: Type.String(),
    voice: Voice,
    opened_at: Time,
    lease_expires_at: UnixSeconds,
    ends_at: Time,
    ended_at: nullable(Time),
  },
  { ...closed, title: 'ListedSession' },
);

export const listSessions: RouteDescription = {
  id: 'listSessions',
  tag: 'Sessions of all projects',
  summary: 'Sessions, the newest first',
  query: SessionsQuery,
  answers: {
    200: {
      description:
        'A page. It may have fewer sessions than `limit`, or none, and a `next_cursor`: of a state that is rare there may be more on the next page.',
      content: json(
        Type.Object(
          { sessions: Type.Array(ListedSession), next_cursor: NextCursor },
          { ...closed, title: 'SessionPage' },
        ),
        {
          sessions: [
            {
              session_id: EXAMPLE.sessionId,
              project_id: EXAMPLE.projectId,
              client: null,
              flow: 'vault',
              state: 'active',
              model: DEFAULT_MODEL,
              voice: 'marin',
              opened_at: EXAMPLE.time,
              lease_expires_at: EXAMPLE.unixSeconds + 120,
              ends_at: '2025-11-22T16:20:00.000Z',
              ended_at: null,
            },
          ],
          next_cursor: null,
        },
      ),
    },
  },
  errors: ['unavailable'],
};

export const terminateSession: RouteDescription = {
  id: 'terminateSession',
  tag: 'Sessions of all projects',
  summary: 'End a session',
  description: 'Its state becomes `terminated`, unless it has ended before.',
  path: { id: { ...SessionId, examples: [EXAMPLE.sessionId] } },
  answers: { 204: { description: 'It has ended.' } },
  errors: ['not_found', 'unavailable'],
};
