import Type from 'typebox';
import { json, type RouteDescription } from '../openapi/describe.ts';
import { closed, EXAMPLE } from '../openapi/schemas.ts';
import { PROJECT_ID } from '../projects/project-schema.ts';

export const IceServers = Type.Array(
  Type.Object(
    {
      urls: Type.Array(Type.String()),
      username: Type.Optional(Type.String()),
      credential: Type.Optional(Type.String({ description: 'With the user name: of a relay.' })),
    },
    { ...closed, title: 'IceServer' },
  ),
  { description: 'For RTCPeerConnection.' },
);

/** Open: a parameter that somebody’s cache buster adds is no reason to refuse. */
export const TurnQuery = Type.Object({
  project_id: Type.Optional(
    Type.String({
      pattern: PROJECT_ID,
      description: 'Instead of a token.',
      examples: [EXAMPLE.projectId],
    }),
  ),
});

export const readTurnCredentials: RouteDescription = {
  id: 'readTurnCredentials',
  tag: 'Sessions',
  summary: 'ICE servers',
  description:
    'With a JWT, or the lease token of a live session: the relays of its project. With a bare `project_id`: STUN only; its relays come with the answer that opens a session.',
  query: TurnQuery,
  answers: {
    200: {
      description: 'The servers. STUN only also where the project has no relays, or they cannot be had now.',
      content: json(
        Type.Object(
          {
            iceServers: IceServers,
            ttl: Type.Integer({ minimum: 1, description: 'Seconds that are left of them.' }),
            _turn_enabled: Type.Boolean({ description: 'Whether there are relays.' }),
            _auth_method: Type.Enum(['project_id', 'jwt', 'lease_token']),
          },
          { ...closed, title: 'TurnCredentials' },
        ),
        {
          iceServers: [
            { urls: ['stun:stun.cloudflare.com:3478'] },
            {
              urls: ['turn:turn.example.com:3478?transport=udp'],
              username: `${EXAMPLE.unixSeconds + 600}:${EXAMPLE.sessionId}`,
              credential: 'credential_example',
            },
          ],
          ttl: 600,
          _turn_enabled: true,
          _auth_method: 'lease_token',
        },
      ),
    },
  },
};
