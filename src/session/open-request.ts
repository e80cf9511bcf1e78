import Type from 'typebox';
import { AppError, type ErrorDetail, invalidRequest } from '../common/app-error.ts';
import { isRecord } from '../common/json.ts';
import { requestChecker } from '../common/schema.ts';
import { isTerm, PROJECT_ID, TERM } from '../projects/project-schema.ts';
import type { Project } from '../projects/resource.ts';

const MAX_INSTRUCTIONS = 32_768;

/** What a session is opened with, after the project's defaults, aliases and lists. */
export interface OpenRequest {
  model: string;
  voice: string | undefined;
  instructions: string | undefined;
  ttlSeconds: number;
  /** Further GA session fields, for the provider only. */
  session: Record<string, unknown>;
}

const closed = { additionalProperties: false };
const Term = Type.String({ pattern: TERM, description: 'As the provider names it.' });
const Instructions = Type.String({ maxLength: MAX_INSTRUCTIONS, pattern: '^[^\\u0000]*$' });
const ProjectIdField = Type.Optional(
  Type.Union([Type.String({ pattern: PROJECT_ID }), Type.Null()], {
    description: 'Without a JWT: the project that pays.',
  }),
);

export const SessionBody = Type.Object(
  {
    project_id: ProjectIdField,
    model: Type.Optional(Term),
    voice: Type.Optional(Term),
    instructions: Type.Optional(Instructions),
  },
  { ...closed, title: 'SessionRequest' },
);

const Anything = Type.Optional(Type.Unknown({ description: 'As the provider defines it.' }));

/** The GA session object of the provider's API: names are closed, and the fields that a project rules are typed. */
const RealtimeSession = Type.Object(
  {
    type: Type.Literal('realtime'),
    model: Type.Optional(Term),
    instructions: Type.Optional(Instructions),
    output_modalities: Type.Optional(
      Type.Array(Type.Union([Type.Literal('audio'), Type.Literal('text')]), { minItems: 1, maxItems: 2 }),
    ),
    audio: Type.Optional(
      Type.Object(
        {
          input: Anything,
          output: Type.Optional(
            Type.Object(
              {
                format: Anything,
                voice: Type.Optional(Type.Union([Term, Type.Object({ id: Term }, closed)])),
                speed: Type.Optional(Type.Number({ minimum: 0.25, maximum: 1.5 })),
              },
              closed,
            ),
          ),
        },
        closed,
      ),
    ),
    include: Anything,
    tracing: Anything,
    tools: Type.Optional(Type.Array(Type.Unknown(), { maxItems: 128 })),
    tool_choice: Anything,
    parallel_tool_calls: Type.Optional(Type.Boolean()),
    reasoning: Anything,
    max_output_tokens: Type.Optional(
      Type.Union([Type.Integer({ minimum: 1, maximum: 4096 }), Type.Literal('inf')]),
    ),
    truncation: Anything,
    prompt: Anything,
  },
  { ...closed, title: 'RealtimeSession' },
);

export const ClientSecretsBody = Type.Object(
  {
    project_id: ProjectIdField,
    expires_after: Type.Optional(
      Type.Object(
        {
          anchor: Type.Optional(Type.Literal('created_at')),
          seconds: Type.Optional(Type.Integer({ minimum: 10, maximum: 7_200 })),
        },
        closed,
      ),
    ),
    session: Type.Optional(RealtimeSession),
  },
  { ...closed, title: 'ClientSecretsRequest' },
);

const checkSessionBody = requestChecker(SessionBody);
const checkClientSecretsBody = requestChecker(ClientSecretsBody);

/** `POST /session`: our own flat form. */
export function readSessionBody(body: Record<string, unknown>, project: Project): OpenRequest {
  const checked = checkSessionBody(body);
  const { model, voice, instructions } = checked;
  return applyRules(project, { model, voice, instructions, voicePath: '/voice', modelPath: '/model' }, {});
}

/** Where a field of the provider's form is in our flat one. */
const FLAT_PATHS: Readonly<Record<string, string>> = {
  '/session': '/',
  '/session/model': '/model',
  '/session/audio/output/voice': '/voice',
  '/session/instructions': '/instructions',
};

/** A refusal by the provider names its own fields: to a caller of `POST /session`, as that caller wrote them. */
export function inFlatForm(error: unknown): unknown {
  if (!(error instanceof AppError) || error.options.details === undefined) return error;
  const details = error.options.details.map(({ path, message }) => ({
    path: FLAT_PATHS[path] ?? path,
    message,
  }));
  return new AppError(error.code, error.message, { ...error.options, details });
}

/** `POST /v1/realtime/client_secrets`: the provider's GA form, with the TTL clamped to the project's. */
export function readClientSecretsBody(body: Record<string, unknown>, project: Project): OpenRequest {
  const checked = checkClientSecretsBody(body);
  const { model, instructions, type: _type, ...session } = checked.session ?? { type: 'realtime' as const };
  const asked = session.audio?.output?.voice;
  const request = applyRules(
    project,
    {
      model,
      voice: typeof asked === 'object' ? asked.id : asked,
      instructions,
      voicePath: '/session/audio/output/voice',
      modelPath: '/session/model',
    },
    session,
  );
  const { seconds } = checked.expires_after ?? {};
  return { ...request, ttlSeconds: Math.min(seconds ?? request.ttlSeconds, request.ttlSeconds) };
}

interface Asked {
  model: string | undefined;
  voice: string | undefined;
  instructions: string | undefined;
  modelPath: string;
  voicePath: string;
}

function applyRules(project: Project, asked: Asked, session: Record<string, unknown>): OpenRequest {
  const rules = project.spec.session;
  const model = resolveModel(project, asked.model);
  const voice = asked.voice ?? rules.defaults.voice ?? rules.voices[0];
  const details = [
    ...notListed(rules.models, model, { path: asked.modelPath, message: 'is not a model of this project' }),
    ...notListed(rules.voices, voice, { path: asked.voicePath, message: 'is not a voice of this project' }),
  ];
  if (details.length > 0) throw invalidRequest(details);
  return {
    model,
    voice,
    instructions: asked.instructions ?? (rules.defaults.instructions || undefined),
    ttlSeconds: rules.secretTtlSeconds,
    session,
  };
}

/** An empty list allows any. */
function notListed(list: string[], value: string | undefined, detail: ErrorDetail): ErrorDetail[] {
  return value === undefined || list.length === 0 || list.includes(value) ? [] : [detail];
}

function resolveModel(project: Project, asked: string | undefined): string {
  if (asked === undefined) return project.defaultModel;
  return Object.hasOwn(project.modelAliases, asked) ? (project.modelAliases[asked] ?? asked) : asked;
}

/** The voice that a session ends up with: the asked-for one, else what the provider says it chose. */
export function grantedVoice(asked: string | undefined, session: Record<string, unknown>): string | null {
  if (asked !== undefined) return asked;
  const { audio } = session;
  const output = isRecord(audio) ? audio['output'] : undefined;
  const voice = isRecord(output) ? output['voice'] : undefined;
  return typeof voice === 'string' && isTerm(voice) ? voice : null;
}

/** Without spaces around it, which HTTP takes away. */
export const IDEMPOTENCY_KEY = '^[!-~]([ -~]{0,253}[!-~])?$';
const IDEMPOTENCY_KEY_PATTERN = new RegExp(IDEMPOTENCY_KEY);

export function checkIdempotencyKey(key: string | undefined): string | undefined {
  if (key !== undefined && !IDEMPOTENCY_KEY_PATTERN.test(key)) {
    throw new AppError(
      'invalid_request',
      'The Idempotency-Key header must be 1 to 255 printable characters.',
      {
        details: [{ path: '/headers/idempotency-key', message: 'must be 1 to 255 printable characters' }],
      },
    );
  }
  return key;
}
