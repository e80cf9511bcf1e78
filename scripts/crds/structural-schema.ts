import type { TSchema } from 'typebox';
import type { ResourceRule } from '../../src/projects/resource-rules.ts';

/** A schema as the API server wants it: no `const`, no `anyOf` of types, no `patternProperties`, closed by itself. */
export interface StructuralSchema {
  description: string;
  type: string;
  default?: unknown;
  required?: string[];
  properties?: Record<string, StructuralSchema>;
  items?: StructuralSchema;
  additionalProperties?: StructuralSchema;
  enum?: string[];
  'x-kubernetes-validations'?: { rule: string; message: string; fieldPath?: string }[];
  [keyword: string]: unknown;
}

type Rule = Pick<ResourceRule<never>, 'self' | 'field' | 'message' | 'cel'>;
type Keywords = Record<string, unknown>;
type Translation = (value: unknown, schema: Keywords, at: string) => Keywords;

/** What TypeBox writes → what it is in a structural schema. A keyword that is not here is refused. */
const TRANSLATIONS: Readonly<Record<string, Translation>> = {
  ...Object.fromEntries(
    [
      'type',
      'default',
      'format',
      'minimum',
      'maximum',
      'minLength',
      'maxLength',
      'pattern',
      'maxItems',
      'maxProperties',
      'x-kubernetes-list-type',
      'x-kubernetes-list-map-keys',
    ].map((keyword) => [keyword, (value: unknown) => ({ [keyword]: value })]),
  ),
  const: (value) => ({ enum: [value] }),
  anyOf: (value, _schema, at) => ({
    type: 'string',
    enum: (value as Keywords[]).map((one) => literal(one, at)),
  }),
  items: (value, _schema, at) => ({ items: translate(value, `${at}[]`) }),
  properties: (value, { additionalProperties }, at) => {
    if (additionalProperties !== false)
      throw new TypeError(`${at}: is not closed, as structural schemas are`);
    const fields = Object.entries(value as Keywords);
    return {
      properties: Object.fromEntries(
        fields.map(([name, field]) => [name, translate(field, `${at}/${name}`)]),
      ),
    };
  },
  required: (value, { properties }) => {
    const missing = (value as string[]).filter((name) => !hasDefault((properties as Keywords)[name]));
    return missing.length > 0 ? { required: missing } : {};
  },
  additionalProperties: (value, _schema, at) => {
    if (value !== false) throw new TypeError(`${at}: is not closed, as structural schemas are`);
    return {};
  },
  patternProperties: (value, _schema, at) => {
    const { '^.*$': values, ...others } = value as Keywords;
    if (values === undefined || Object.keys(others).length > 0) {
      throw new TypeError(`${at}: a record's keys can only be any text`);
    }
    return { additionalProperties: translate(values, `${at}{}`) };
  },
};

/** The structural schema of a TypeBox schema, with the rules where they sit. */
export function structuralSchema(schema: TSchema, rules: readonly Rule[]): StructuralSchema {
  const structural = translate(schema, '');
  for (const rule of rules) place(rule, structural);
  return structural;
}

function translate(schema: unknown, at: string): StructuralSchema {
  const { description, ...keywords } = schema as Keywords;
  if (typeof description !== 'string') throw new TypeError(`${at}: has no description`);
  const translated = Object.entries(keywords).map(([keyword, value]) => {
    const translation = TRANSLATIONS[keyword];
    if (translation === undefined) throw new TypeError(`${at}: ${keyword} has no structural schema`);
    return translation(value, keywords, at);
  });
  const structural = Object.assign(
    { description: described(description, keywords['default']), type: '' },
    ...translated,
  ) as StructuralSchema;
  checkBounded(structural, at);
  return structural;
}

/** `kubectl explain` shows no defaults. One that is a list or an object says nothing. */
function described(description: string, value: unknown): string {
  const scalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return scalar ? `${description} Default: ${String(value)}.` : description;
}

function literal(schema: Keywords, at: string): unknown {
  if (schema['type'] !== 'string' || schema['const'] === undefined || Object.keys(schema).length !== 2) {
    throw new TypeError(`${at}: only a union of texts has a structural schema`);
  }
  return schema['const'];
}

/** A default is filled in before what is required is looked for. */
function hasDefault(schema: unknown): boolean {
  return (schema as Keywords)['default'] !== undefined;
}

/** What has no bound makes every rule about it too costly for the API server. */
const BOUNDS: Readonly<Record<string, readonly string[]>> = {
  string: ['maxLength', 'enum'],
  array: ['maxItems'],
  object: ['properties', 'maxProperties'],
  integer: ['type'],
  boolean: ['type'],
};

function checkBounded(schema: StructuralSchema, at: string): void {
  const bounds = BOUNDS[schema.type];
  if (bounds === undefined) throw new TypeError(`${at}: the type "${schema.type}" has no structural schema`);
  if (!bounds.some((bound) => bound in schema)) throw new TypeError(`${at}: has no ${bounds.join(' or ')}`);
}

function place({ self, field, message, cel }: Rule, root: StructuralSchema): void {
  const schema = schemaAt(root, self);
  schemaAt(root, field);
  const fieldPath = field.slice(self.length).replaceAll('/', '.');
  (schema['x-kubernetes-validations'] ??= []).push({
    rule: cel,
    message,
    ...(fieldPath !== '' && { fieldPath }),
  });
  // The API server judges a default by the rules before it fills in the defaults inside it.
  if (schema.default !== undefined) schema.default = filled(schema);
}

function filled({ default: value, properties }: StructuralSchema): unknown {
  if (properties === undefined) return value;
  const fields = Object.entries(properties).filter(([, { default: inside }]) => inside !== undefined);
  return {
    ...Object.fromEntries(fields.map(([name, field]) => [name, filled(field)])),
    ...(value as object),
  };
}

function schemaAt(root: StructuralSchema, pointer: string): StructuralSchema {
  return pointer
    .split('/')
    .slice(1)
    .reduce((schema, name) => {
      const found = schema.properties?.[name];
      if (found === undefined) throw new TypeError(`a rule is about ${pointer}, which does not exist`);
      return found;
    }, root);
}
