import Type from 'typebox';
import { json, type RouteDescription } from '../openapi/describe.ts';
import { closed, EXAMPLE, Fingerprint, Time } from '../openapi/schemas.ts';
import { PROJECT_ID } from '../projects/project-schema.ts';
import { KEY_PATTERN } from './vault.ts';

const project_id = Type.String({ pattern: PROJECT_ID, description: 'A project.' });
const openai_key = Type.String({ pattern: KEY_PATTERN, description: 'The provider’s key.' });

export const DepositBody = Type.Object(
  {
    project_id,
    openai_key,
    validate: Type.Optional(
      Type.Boolean({ description: 'Ask the provider first whether it takes the key.' }),
    ),
  },
  { ...closed, title: 'KeyDeposit' },
);
export const RotationBody = Type.Object({ project_id, openai_key }, { ...closed, title: 'KeyRotation' });
export const RemovalBody = Type.Object({ project_id }, { ...closed, title: 'KeyRemoval' });

const removed = { success: Type.Literal(true), project_id: Type.String(), key_fingerprint: Fingerprint };
const StoredKey = Type.Object({ ...removed, created_at: Time }, { ...closed, title: 'StoredKey' });
const RemovedKey = Type.Object(removed, { ...closed, title: 'RemovedKey' });

/** Not the project of the other examples: whoever tries this one out replaces nobody’s key. */
const project = 'proj_new';
const depositExample = { project_id: project, openai_key: 'the-key-of-the-provider' };
const removedExample = { success: true, project_id: project, key_fingerprint: EXAMPLE.fingerprint };
const storedExample = { ...removedExample, created_at: EXAMPLE.time };

export const depositKey: RouteDescription = {
  id: 'depositKey',
  tag: 'Keys',
  summary: 'Deposit or replace a project’s key',
  description:
    'A project that no resource configures gets one with the defaults. Answered once the key read back from the vault has the fingerprint.',
  body: { required: true, content: json(DepositBody, depositExample) },
  answers: {
    200: { description: 'It replaces an earlier one.', content: json(StoredKey, storedExample) },
    201: { description: 'It is the project’s first.', content: json(StoredKey, storedExample) },
  },
  errors: ['invalid_key', 'provider_rate_limited', 'provider_error', 'unavailable'],
};

export const rotateKey: RouteDescription = {
  id: 'rotateKey',
  tag: 'Keys',
  summary: 'Replace a project’s key',
  description: 'No session fails in between.',
  body: { required: true, content: json(RotationBody, depositExample) },
  answers: { 200: { description: 'It is in use.', content: json(StoredKey, storedExample) } },
  errors: ['not_found', 'unavailable'],
};

export const removeKey: RouteDescription = {
  id: 'removeKey',
  tag: 'Keys',
  summary: 'Remove a project’s key',
  body: { required: true, content: json(RemovalBody, { project_id: project }) },
  answers: { 200: { description: 'It is gone.', content: json(RemovedKey, removedExample) } },
  errors: ['not_found', 'unavailable'],
};

export const readVaultHealth: RouteDescription = {
  id: 'readVaultHealth',
  tag: 'Service',
  summary: 'Whether the vault works',
  description: 'Writes, reads back and removes a throw-away key.',
  answers: {
    200: {
      description: 'How it went.',
      content: json(
        Type.Object(
          { status: Type.Enum(['healthy', 'degraded']), round_trip_ms: Type.Number({ minimum: 0 }) },
          { ...closed, title: 'VaultHealth' },
        ),
        { status: 'healthy', round_trip_ms: 3.2 },
      ),
    },
  },
};
