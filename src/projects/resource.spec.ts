import { readdirSync, readFileSync } from 'node:fs';
import Type, { type TSchema } from 'typebox';
import { parse } from 'yaml';
import type { CustomResourceDefinition } from '../../scripts/crds/definitions.ts';
import { type StructuralSchema, structuralSchema } from '../../scripts/crds/structural-schema.ts';
import { BAD_RESOURCES, GOOD_RESOURCES, type GoodResource } from '../../test/support/resource-cases.ts';
import { withoutNulls } from '../common/json.ts';
import type { Checked } from '../common/schema.ts';
import type { Manifest } from '../manifests/manifest.ts';
import { parseManifests } from '../directory/parse-manifests.ts';
import { type Client, type Project, readClient, readProject } from './resource.ts';
import { CLIENT_RULES, PROJECT_RULES } from './resource-rules.ts';

const SAMPLES = new URL('../../k8s/samples/', import.meta.url);
const samples = readdirSync(SAMPLES).map((file) => ({
  file,
  ...parseManifests(file, readFileSync(new URL(file, SAMPLES), 'utf8'), { bornAt: 0, modifiedAt: 0 }),
}));

const schemas = { Project: schemaOf('projects'), Client: schemaOf('clients') };

function schemaOf(plural: string): StructuralSchema {
  const file = new URL(`../../k8s/crds/${plural}.vestibule.dev.yaml`, import.meta.url);
  const [version] = (parse(readFileSync(file, 'utf8')) as CustomResourceDefinition).spec.versions;
  return version!.schema.openAPIV3Schema;
}

function read(manifest: Manifest): Checked<Project | Client> {
  return manifest.kind === 'Project' ? readProject(manifest, () => true) : readClient(manifest);
}

function readCase({ kind, spec }: Pick<GoodResource, 'kind' | 'spec'>): Checked<Project | Client> {
  const metadata = { name: 'a' };
  const document = { apiVersion: 'vestibule.dev/v1alpha1', kind, metadata, spec };
  return read({ kind, name: 'a', document, source: 'a.yaml', createdAt: 0, modifiedAt: 0 });
}

function specOf(checked: Checked<Project | Client>): unknown {
  return checked.ok ? checked.value.spec : checked.details;
}

/** As the API server does it: a default for what is absent, then the defaults inside what is there. */
function filled(schema: StructuralSchema, value: unknown): unknown {
  if (value === undefined || schema.properties === undefined) return value;
  const fields = Object.entries(schema.properties).map(([name, field]) => [
    name,
    filled(field, (value as Record<string, unknown>)[name] ?? field.default),
  ]);
  return Object.fromEntries(fields.filter(([, field]) => field !== undefined));
}

/** The names of all fields: `session.voices`. */
function fieldsOf(schema: StructuralSchema, at = ''): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
    `${at}${name}`,
    ...fieldsOf(field, `${at}${name}.`),
  ]);
}

function pathsOf(value: unknown, at = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, field]) => [
    `${at}${name}`,
    ...pathsOf(field, `${at}${name}.`),
  ]);
}

describe('a resource', () => {
  it.each(GOOD_RESOURCES)('is read, with the defaults of its CustomResourceDefinition: $what', (resource) => {
    const expected = filled(schemas[resource.kind].properties!['spec']!, withoutNulls(resource.spec));
    expect(specOf(readCase(resource))).toEqual(expected);
  });

  it.each(BAD_RESOURCES)('is refused with the field at fault: $what', ({ kind, spec, field, message }) => {
    const checked = readCase({ kind, spec });
    expect(checked.ok ? [] : checked.details).toContainEqual({
      path: field,
      message: message ?? expect.any(String),
    });
  });

  it('has all that a Project without a spec has', () => {
    const { default: spec } = schemas.Project.properties!['spec']!;
    expect(spec).toEqual({});
    expect(specOf(readCase({ kind: 'Project', spec: undefined as never }))).toEqual(
      specOf(readCase({ kind: 'Project', spec: {} })),
    );
  });

  it.each([...PROJECT_RULES, ...CLIENT_RULES])(
    'has an example that breaks the rule: $field $message',
    (rule) => {
      expect(BAD_RESOURCES).toContainEqual(
        expect.objectContaining({ field: rule.field, message: rule.message }),
      );
    },
  );

  it('may name every day there is as tokensNotBefore, and no other', () => {
    const two = (number: number): string => String(number).padStart(2, '0');
    for (const year of [1900, 2000, 2023, 2024, 2100, 2104]) {
      for (let month = 1; month <= 12; month += 1) {
        for (let day = 1; day <= 31; day += 1) {
          const tokensNotBefore = `${year}-${two(month)}-${two(day)}T00:00:00Z`;
          const exists = new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
          const checked = readCase({ kind: 'Client', spec: { projectRef: { name: 'a' }, tokensNotBefore } });
          expect([tokensNotBefore, checked.ok]).toEqual([tokensNotBefore, exists]);
        }
      }
    }
  });
});

/** What the first release knows: it refuses all else, also what the API server wrote into a Project by itself. */
const FIRST_DEFAULTS = [
  'provider',
  'provider.type',
  'provider.baseUrl',
  'keySecretRef',
  'keySecretRef.key',
  'access',
  'access.projectId',
  'access.allowedOrigins',
  'access.perAddress',
  'access.perAddress.requests',
  'access.perAddress.windowSeconds',
  'session',
  'session.maxConcurrent',
  'session.secretTtlSeconds',
  'session.leaseSeconds',
  'session.maxDurationSeconds',
  'session.models',
  'session.voices',
  'session.defaults',
  'limits',
  'limits.requests',
  'limits.windowSeconds',
  'turn',
  'turn.type',
  'suspended',
];

it('a Project that says nothing is read by each release, also after a roll-back', () => {
  const stored = filled(schemas.Project.properties!['spec']!, { turn: {} });
  expect(FIRST_DEFAULTS).toEqual(expect.arrayContaining(pathsOf(stored)));
});

describe('a sample', () => {
  it.each(samples)('is valid: $file', ({ manifests, problems }) => {
    expect(problems).toEqual([]);
    expect(manifests.map((manifest) => read(manifest).ok)).toEqual([true]);
  });

  it.each(['Project', 'Client'] as const)('shows each field of a %s', (kind) => {
    const shown = samples
      .flatMap(({ manifests }) => manifests)
      .filter((manifest) => manifest.kind === kind)
      .flatMap(({ document }) => pathsOf(document['spec']));
    expect(shown).toEqual(expect.arrayContaining(fieldsOf(schemas[kind].properties!['spec']!)));
  });
});

describe('a structural schema', () => {
  const description = 'Said.';
  const closed = { additionalProperties: false, description };
  const text = (options = {}): TSchema => Type.String({ maxLength: 1, description, ...options });

  it.each<[string, TSchema, RegExp]>([
    ['a field without a description', Type.Object({ a: Type.Boolean() }, closed), /\/a: has no description/],
    ['an open object', Type.Object({}, { description, additionalProperties: true }), /is not closed/],
    ['an object that does not say it is closed', Type.Object({}, { description }), /is not closed/],
    [
      'a text without a bound',
      Type.Object({ a: Type.String({ description }) }, closed),
      /\/a: has no maxLength/,
    ],
    ['a list without a bound', Type.Array(text(), { description }), /has no maxItems/],
    [
      'a map without a bound',
      Type.Record(Type.String(), text(), { description }),
      /has no properties or maxP/,
    ],
    ['a union of types', Type.Union([text(), Type.Boolean()], { description }), /only a union of texts/],
    ['anything', Type.Unknown({ description }), /the type "" has no structural schema/],
    ['null', Type.Null({ description }), /the type "null" has no/],
    ['an intersection', Type.Intersect([Type.Object({})], { description }), /allOf has no structural schema/],
    ['a title', text({ title: 'Text' }), /title has no structural schema/],
  ])('is not made of %s', (_what, schema, message) => {
    expect(() => structuralSchema(schema, [])).toThrow(message);
  });

  it('takes no rule about a field that does not exist', () => {
    const rule = { self: '', field: '/b', message: 'must be', cel: 'true' };
    expect(() => structuralSchema(Type.Object({ a: text() }, closed), [rule])).toThrow(/about \/b, which/);
  });
});
