import type { TSchema } from 'typebox';
import type { AccessRule } from '../auth/access.ts';
import type { ErrorCode } from '../common/app-error.ts';
import { isClientRoute } from '../http/cors.ts';
import { CLIENT_SECRETS_PATH } from '../http/request-context.ts';
import { type AnswerDescription, type Content, type RouteDescription, TAGS } from './describe.ts';
import { type Envelope, errorExample, errorSchema, errorsOf, statusesOf } from './errors.ts';
import { ANSWER_HEADERS, type HeaderOptions, headersOf } from './headers.ts';
import { INTRODUCTION, SECURITY_SCHEMES } from './introduction.ts';
import { asSent, type Json, plain, SchemaComponents } from './json-schema.ts';

export interface DescribedRoute {
  method: string;
  /** As Fastify has it: `/session/:id`. */
  template: string;
  access: AccessRule;
  description: RouteDescription;
}

/** The OpenAPI 3.1 document of these routes. */
export function buildDocument(routes: readonly DescribedRoute[], version: string): Json {
  const components = new SchemaComponents();
  const paths: Record<string, Json> = {};
  const tags = Object.keys(TAGS);
  const inOrder = [...routes].sort(
    (a, b) => tags.indexOf(a.description.tag) - tags.indexOf(b.description.tag),
  );
  for (const route of inOrder) {
    const path = (paths[pathOf(route.template)] ??= {});
    path[route.method.toLowerCase()] = new Operation(route, components).build();
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Vestibule',
      version,
      summary: 'A session broker for realtime voice APIs',
      description: INTRODUCTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      securitySchemes: SECURITY_SCHEMES,
      headers: Object.fromEntries(
        Object.entries(ANSWER_HEADERS).map(([name, { description, schema }]) => [
          name,
          { description, schema: plain(schema) },
        ]),
      ),
      schemas: components.all(),
    },
  };
}

export function pathOf(template: string): string {
  return template.replace(/:(\w+)/g, '{$1}');
}

class Operation {
  readonly #route: DescribedRoute;
  readonly #components: SchemaComponents;

  constructor(route: DescribedRoute, components: SchemaComponents) {
    this.#route = route;
    this.#components = components;
  }

  build(): Json {
    const { access, description: route } = this.#route;
    return {
      operationId: route.id,
      tags: [route.tag],
      summary: route.summary,
      ...(route.description !== undefined && { description: route.description }),
      parameters: this.#parameters(),
      ...(route.body && {
        requestBody: {
          required: route.body.required,
          content: this.#content(route.body.content, (schema) => asSent(plain(schema))),
        },
      }),
      responses: { ...this.#answers(), ...this.#errors() },
      security: securityOf(access, route.credentialsInBody === true),
    };
  }

  #parameters(): Json[] {
    const { path = {}, query, headers = {} } = this.#route.description;
    const sent = query && (asSent(plain(query)) as { required?: string[] });
    const required = new Set(sent?.required ?? []);
    return [
      ...parameters('path', path, () => true),
      ...parameters('query', query?.properties ?? {}, (name) => required.has(name)),
      ...parameters('header', headers, () => false),
    ];
  }

  #content(
    content: Readonly<Record<string, Content>>,
    schemaOf: (schema: TSchema) => unknown = plain,
  ): Record<string, Json> {
    return Object.fromEntries(
      Object.entries(content).map(([type, { schema, example }]) => [
        type,
        { schema: this.#components.refer(schemaOf(schema)), example },
      ]),
    );
  }

  #answers(): Record<string, Json> {
    return Object.fromEntries(
      Object.entries(this.#route.description.answers).map(([status, answer]) => [
        status,
        this.#answer(answer),
      ]),
    );
  }

  #answer({ description, content, headers = [], links }: AnswerDescription): Json {
    return {
      description,
      headers: this.#headers({ optional: headers }),
      ...(content && { content: this.#content(content) }),
      ...(links && {
        links: Object.fromEntries(
          Object.entries(links).map(([operationId, link]) => [operationId, { operationId, ...link }]),
        ),
      }),
    };
  }

  #headers(options: Omit<HeaderOptions, 'client'>): Json {
    const client = isClientRoute(this.#route.template);
    return Object.fromEntries(
      [...headersOf({ ...options, client })].map(([name, required]) => [
        name,
        required
          ? { ...ANSWER_HEADERS[name], schema: plain(ANSWER_HEADERS[name].schema), required }
          : { $ref: `#/components/headers/${name}` },
      ]),
    );
  }

  #errors(): Record<string, Json> {
    const { access, description, template } = this.#route;
    const envelope: Envelope = template === CLIENT_SECRETS_PATH ? 'provider' : 'own';
    const byStatus = new Map<number, ErrorCode[]>();
    for (const code of errorsOf(access.kind, description)) {
      for (const status of statusesOf(code)) byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
    }
    return Object.fromEntries(
      [...byStatus].map(([status, codes]) => [status, this.#error(envelope, status, codes)]),
    );
  }

  #error(envelope: Envelope, status: number, codes: readonly ErrorCode[]): Json {
    return {
      description: codes.map((code) => `\`${code}\``).join(', '),
      headers: this.#headers({
        required: status === 429 || status === 503 ? ['Retry-After'] : [],
        optional: envelope === 'provider' && status === 429 ? ['X-Should-Retry'] : [],
      }),
      content: {
        'application/json': {
          schema: this.#components.refer(plain(errorSchema(envelope, status, codes))),
          examples: Object.fromEntries(
            codes.map((code) => [code, { value: errorExample(envelope, status, code) }]),
          ),
        },
      },
    };
  }
}

function parameters(
  location: 'path' | 'query' | 'header',
  schemas: Readonly<Record<string, TSchema>>,
  required: (name: string) => boolean,
): Json[] {
  return Object.entries(schemas).map(([name, typed]) => {
    const { description, examples, ...schema } = plain(typed) as Json & { examples?: unknown[] };
    return {
      name,
      in: location,
      required: required(name),
      ...(description !== undefined && { description }),
      schema,
      ...(examples && { example: examples[0] }),
    };
  });
}

function securityOf({ kind }: AccessRule, credentialsInBody: boolean): Record<string, string[]>[] {
  switch (kind) {
    case 'public':
      return [];
    case 'caller':
      // An empty requirement: a bare project_id is enough.
      return [{ clientToken: [] }, {}];
    case 'callerOrLease':
      return [{ clientToken: [] }, { leaseToken: [] }, {}];
    case 'lease':
      return [{ leaseToken: [] }, { adminKey: [] }, ...(credentialsInBody ? [{}] : [])];
    case 'admin':
      return [{ adminKey: [] }];
  }
}
