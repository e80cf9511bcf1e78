import Type from 'typebox';
import { MAX_TOKEN_TTL_S } from '../auth/own-tokens.ts';
import { json, type RouteDescription } from '../openapi/describe.ts';
import { closed, EXAMPLE, nullable } from '../openapi/schemas.ts';
import { ClientSpec } from './project-schema.ts';

const DEFAULT_TOKEN_TTL_S = 3_600;

export const TokenBody = Type.Object(
  {
    ttl_seconds: Type.Integer({
      minimum: 1,
      maximum: MAX_TOKEN_TTL_S,
      default: DEFAULT_TOKEN_TTL_S,
      description: 'How long the token is valid.',
    }),
  },
  { ...closed, title: 'TokenBody' },
);

const Client = Type.Object(
  {
    client_id: Type.String(),
    name: Type.String({ description: 'The resource’s.' }),
    issuer: nullable(
      Type.String({
        description: 'Null: this service signs its tokens, or the cluster of `service_account`.',
      }),
    ),
    service_account: nullable(
      Type.Object(
        { namespace: Type.String(), name: Type.String() },
        {
          ...closed,
          description: 'The Kubernetes service account that the client is; its cluster signs its tokens.',
        },
      ),
    ),
    project_id: nullable(Type.String()),
    max_concurrent: nullable(Type.Integer({ minimum: 1 })),
    suspended: Type.Boolean(),
    ready: Type.Boolean(),
  },
  { ...closed, title: 'Client' },
);

export const listClients: RouteDescription = {
  id: 'listClients',
  tag: 'Projects and clients',
  summary: 'The managed clients',
  answers: {
    200: {
      description: 'All clients.',
      content: json(Type.Object({ clients: Type.Array(Client) }, { ...closed, title: 'Clients' }), {
        clients: [
          {
            client_id: EXAMPLE.clientId,
            name: EXAMPLE.clientId,
            issuer: null,
            service_account: null,
            project_id: EXAMPLE.projectId,
            max_concurrent: 5,
            suspended: false,
            ready: true,
          },
        ],
      }),
    },
  },
};

export const issueToken: RouteDescription = {
  id: 'issueToken',
  tag: 'Projects and clients',
  summary: 'A token for a client',
  description: 'Only for a client whose tokens this service signs: without `issuer` and `service_account`.',
  path: {
    id: { ...ClientSpec.properties.clientId, description: 'A `client_id`.', examples: [EXAMPLE.clientId] },
  },
  body: { required: false, content: json(TokenBody, { ttl_seconds: DEFAULT_TOKEN_TTL_S }) },
  answers: {
    200: {
      description: 'The token. It is told once.',
      content: json(
        Type.Object(
          {
            access_token: Type.String({ description: 'A JWT.' }),
            token_type: Type.Literal('Bearer'),
            expires_in: Type.Integer({ minimum: 1, maximum: MAX_TOKEN_TTL_S, description: 'Seconds.' }),
          },
          { ...closed, title: 'Token' },
        ),
        { access_token: 'header.payload.signature', token_type: 'Bearer', expires_in: DEFAULT_TOKEN_TTL_S },
      ),
    },
  },
  errors: ['not_found', 'unavailable'],
};
