import Type from 'typebox';
import { json, type RouteDescription } from '../openapi/describe.ts';
import { closed, EXAMPLE, Fingerprint, nullable, Time } from '../openapi/schemas.ts';
import { REASONS } from './plan.ts';
import { PROJECT_ID } from './project-schema.ts';

export const ProjectPatch = Type.Object(
  {
    suspended: Type.Boolean({
      description: 'True refuses new sessions at once and ends the live ones; false resumes.',
    }),
  },
  { ...closed, title: 'ProjectPatch' },
);

const Condition = Type.Object(
  {
    type: Type.Enum(['Ready', 'KeyLoaded']),
    status: Type.Enum(['True', 'False']),
    reason: Type.Enum([...REASONS]),
    message: Type.String({ description: 'Why, in a sentence for people.' }),
  },
  { ...closed, title: 'Condition' },
);

const Project = Type.Object(
  {
    project_id: Type.String(),
    name: Type.String({ description: 'The resource’s.' }),
    provider: Type.Object({ type: Type.Literal('openai'), baseUrl: Type.String() }, closed),
    ready: Type.Boolean(),
    conditions: Type.Array(Condition),
    key_fingerprint: nullable(Fingerprint),
    key_loaded_at: nullable(Time),
    active_sessions: nullable(
      Type.Integer({ minimum: 0, description: 'Null while the database is away, and for a duplicate.' }),
    ),
    max_concurrent: Type.Integer({ minimum: 1 }),
    suspended: Type.Boolean(),
  },
  { ...closed, title: 'Project' },
);

const Problem = Type.Object(
  {
    source: Type.String({ description: 'The file, and which document in it.' }),
    field: Type.String({ description: 'A JSON Pointer.' }),
    message: Type.String(),
  },
  { ...closed, title: 'Problem' },
);

const projectExample = {
  project_id: EXAMPLE.projectId,
  name: 'proj-123',
  provider: { type: 'openai', baseUrl: 'https://api.openai.com/v1' },
  ready: true,
  conditions: [
    { type: 'Ready', status: 'True', reason: 'Ready', message: 'it opens sessions' },
    {
      type: 'KeyLoaded',
      status: 'True',
      reason: 'KeyLoaded',
      message: `the key ${EXAMPLE.fingerprint} is in use`,
    },
  ],
  key_fingerprint: EXAMPLE.fingerprint,
  key_loaded_at: EXAMPLE.time,
  active_sessions: 1,
  max_concurrent: 5,
  suspended: false,
};

export const listProjects: RouteDescription = {
  id: 'listProjects',
  tag: 'Projects and clients',
  summary: 'The projects and their state',
  answers: {
    200: {
      description: 'All projects, and what is wrong with any resource.',
      content: json(
        Type.Object(
          { projects: Type.Array(Project), problems: Type.Array(Problem) },
          { ...closed, title: 'Projects' },
        ),
        { projects: [projectExample], problems: [] },
      ),
    },
  },
};

export const patchProject: RouteDescription = {
  id: 'patchProject',
  tag: 'Projects and clients',
  summary: 'Suspend or resume a project',
  path: {
    id: Type.String({
      pattern: PROJECT_ID,
      description: 'A `project_id`.',
      examples: [EXAMPLE.projectId],
    }),
  },
  body: { required: true, content: json(ProjectPatch, { suspended: false }) },
  answers: { 200: { description: 'The project, changed.', content: json(Project, projectExample) } },
  errors: ['not_found', 'unavailable'],
};
