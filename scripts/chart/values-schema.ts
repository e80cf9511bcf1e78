import type { DocumentedValue } from './documented-values.ts';

type Schema = Record<string, unknown>;

/** The closed JSON schema of a chart's values. */
export function valuesSchema(values: readonly DocumentedValue[]): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart vestibule',
    ...closed(values),
    // Helm puts it there where the chart is a part of another.
    properties: { ...propertiesOf(values), global: { type: 'object' } },
  };
}

function closed(values: readonly DocumentedValue[]): Schema {
  return { type: 'object', additionalProperties: false, properties: propertiesOf(values) };
}

function propertiesOf(values: readonly DocumentedValue[]): Record<string, Schema> {
  return Object.fromEntries(values.map((value) => [value.name, schemaOf(value)]));
}

function schemaOf({ description, default: value, keywords, members, path }: DocumentedValue): Schema {
  if (members.length > 0) return { description, ...closed(members) };
  const schema = { description, type: typeOf(value), ...keywords };
  if (schema.type === 'null') throw new TypeError(`${path} is null and has no @schema with a type`);
  if (schema.type === 'array' && !('items' in schema))
    throw new TypeError(`${path} has no @schema with items`);
  return { ...schema, default: value };
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return 'integer';
  return typeof value;
}
