import type { TSchema } from 'typebox';

export type Json = Record<string, unknown>;

/** A TypeBox schema as the plain JSON Schema 2020-12 that it is. */
export function plain(schema: TSchema): Json {
  return JSON.parse(JSON.stringify(schema)) as Json;
}

/** As a caller may send it: the validators fill defaults in first, so a field that has one is not required. */
export function asSent(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(asSent);
  if (typeof schema !== 'object' || schema === null) return schema;
  const sent = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, asSent(value)]));
  const { properties, required } = schema as { properties?: Record<string, Json>; required?: string[] };
  if (properties === undefined || required === undefined) return sent;
  const missing = required.filter((name) => properties[name]?.['default'] === undefined);
  return { ...sent, required: missing };
}

/** Moves every schema with a title to the components, once, and refers to it. */
export class SchemaComponents {
  readonly #found = new Map<string, Json>();

  refer(schema: unknown): unknown {
    if (Array.isArray(schema)) return schema.map((each) => this.refer(each));
    if (typeof schema !== 'object' || schema === null) return schema;
    const referred = Object.fromEntries(
      Object.entries(schema).map(([key, value]) => [key, this.refer(value)]),
    );
    const { title } = schema as { title?: unknown };
    // A title that is an object is a property of that name.
    if (typeof title !== 'string') return referred;
    const known = this.#found.get(title);
    if (known !== undefined && JSON.stringify(known) !== JSON.stringify(referred)) {
      throw new TypeError(`two different schemas have the title ${title}`);
    }
    this.#found.set(title, referred);
    return { $ref: `#/components/schemas/${title}` };
  }

  all(): Json {
    return Object.fromEntries([...this.#found].sort(([a], [b]) => a.localeCompare(b)));
  }
}
