import Type from 'typebox';
import { json, type RouteDescription } from '../openapi/describe.ts';
import { closed, EXAMPLE } from '../openapi/schemas.ts';
import { PROJECT_ID } from '../projects/project-schema.ts';

export const IceServers = Type.Array(
  Type.Object({ urls: Type.Array(Type.String()) }, { ...closed, title: 'IceServer' }),
  { description: 'For RTCPeerConnection.' },
);

/** Open: a parameter that somebody’s cache buster adds is no reason to refuse. */
export const TurnQuery = Type.Object({
  project_id: Type.Optional(
    Type.String({
      pattern: PROJECT_ID,
      description: 'Instead of a JWT.',
      examples: [EXAMPLE.projectId],
    }),
  ),
});

export const readTurnCredentials: RouteDescription = {
  id: 'readTurnCredentials',
  tag: 'Sessions',
  summary: 'ICE servers',
  query: TurnQuery,
  answers: {
    200: {
      description: 'The servers. STUN only, until a project has TURN settings.',
      content: json(
        Type.Object(
          {
            iceServers: IceServers,
            ttl: Type.Integer({ minimum: 1, description: 'Seconds.' }),
            _turn_enabled: Type.Boolean(),
            _auth_method: Type.Enum(['project_id', 'jwt']),
          },
          { ...closed, title: 'TurnCredentials' },
        ),
        {
          iceServers: [{ urls: ['stun:stun.cloudflare.com:3478'] }],
          ttl: 600,
          _turn_enabled: false,
          _auth_method: 'project_id',
        },
      ),
    },
  },
};
