import { SetMetadata } from '@nestjs/common';
import type { TObject, TSchema } from 'typebox';
import type { ErrorCode } from '../common/app-error.ts';
import type { AnswerHeader } from './headers.ts';

/** The groups of the page, in its order. */
export const TAGS = {
  Sessions: 'For clients: open a session, keep it, give it back.',
  'Sessions of all projects': 'For admins.',
  Keys: 'For admins: provider keys go into the vault and never come out.',
  'Projects and clients': 'For admins: what is configured, and its state.',
  Audit: 'For admins.',
  Service: 'For everybody: health, totals, this page. For admins: the vault.',
} as const;

/** A body of one media type. */
export interface Content {
  schema: TSchema;
  example: unknown;
}

export interface AnswerDescription {
  description: string;
  /** By media type; absent for an answer without a body. */
  content?: Readonly<Record<string, Content>>;
  /** Beside those that every answer can carry. */
  headers?: readonly AnswerHeader[];
  /** Operations that continue with values of this answer: parameters or a body as OpenAPI runtime expressions. */
  links?: Readonly<Record<string, { parameters?: Record<string, string>; requestBody?: unknown }>>;
}

/** A route as callers read about it. The schemas of what comes in are the very ones that validate it. */
export interface RouteDescription {
  /** OpenAPI's operationId: unique, a verb and a noun. */
  id: string;
  tag: keyof typeof TAGS;
  summary: string;
  description?: string;
  /** Parameters of the path, each with a description and an example. */
  path?: Readonly<Record<string, TSchema>>;
  query?: TObject;
  /** Request headers beside those of the credentials. */
  headers?: Readonly<Record<string, TSchema>>;
  /** `required`: false when an absent body is as good as `{}`. */
  body?: { content: Readonly<Record<string, Content>>; required: boolean };
  /** The credentials may also be in the body. */
  credentialsInBody?: boolean;
  answers: Readonly<Record<number, AnswerDescription>>;
  /** Beside those that follow from who may call the route and from its body: see `errorsOf`. */
  errors?: readonly ErrorCode[];
}

export const DESCRIPTION_METADATA = 'vestibule:description';

/** Describes a route for `/openapi.json`. A route without a description fails a test. */
export const Describe = (description: RouteDescription): MethodDecorator =>
  SetMetadata(DESCRIPTION_METADATA, description);

export function json(schema: TSchema, example: unknown): Record<string, Content> {
  return { 'application/json': { schema, example } };
}
