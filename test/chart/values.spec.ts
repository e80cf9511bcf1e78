import { readdirSync, readFileSync } from 'node:fs';
import { documentedValues } from '../../scripts/chart/documented-values.ts';
import { valuesSchema } from '../../scripts/chart/values-schema.ts';
import { valuesTables } from '../../scripts/chart/values-tables.ts';
import { undeclaredValues, unusedValues, usedPaths } from '../../scripts/chart/values-used.ts';

const TEXT = `
# The image.
image:
  # Where it is.
  repository: here
  # When it is pulled,
  # and why.
  # @schema {"enum": ["Always", "Never"]}
  policy: Always
# How many.
# @schema {"type": ["integer", "null"]}
count: null
# Any.
# @schema {"additionalProperties": {"type": "string"}}
labels: { a: b }
`;

describe('documented values', () => {
  it('are each described by the comment above', () => {
    expect(documentedValues(TEXT)).toMatchObject([
      {
        path: 'image',
        description: 'The image.',
        members: [
          { path: 'image.repository', default: 'here', description: 'Where it is.' },
          {
            path: 'image.policy',
            description: 'When it is pulled, and why.',
            keywords: { enum: ['Always', 'Never'] },
          },
        ],
      },
      { path: 'count', default: null, description: 'How many.' },
      { path: 'labels', default: { a: 'b' }, members: [] },
    ]);
  });

  it('have a comment, or are refused', () => {
    expect(() => documentedValues('# One.\none: 1\n\ntwo: 2\n')).toThrow('two has no comment');
    expect(() => documentedValues('# One.\none:\n  inside: 1\n')).toThrow('one.inside has no comment');
    expect(() => documentedValues('# @schema {"minimum": 1}\none: 1\n')).toThrow('one has no comment');
  });

  it('make a schema that is closed', () => {
    expect(valuesSchema(documentedValues(TEXT))).toMatchObject({
      additionalProperties: false,
      properties: {
        image: {
          additionalProperties: false,
          properties: { policy: { type: 'string', enum: ['Always', 'Never'], default: 'Always' } },
        },
        count: { type: ['integer', 'null'] },
        labels: { additionalProperties: { type: 'string' } },
      },
    });
  });

  it('say what a default cannot say', () => {
    expect(() => valuesSchema(documentedValues('# One.\none: null\n'))).toThrow('one is null');
    expect(() => valuesSchema(documentedValues('# One.\none: []\n'))).toThrow(
      'one has no @schema with items',
    );
  });

  it('are rows of a table', () => {
    const tables = valuesTables(documentedValues(TEXT));
    expect(tables).toContain('| `image.policy` | `"Always"` | When it is pulled, and why. |');
    expect(tables).toContain('### image\n\nThe image.');
  });
});

describe('values in use', () => {
  const values = documentedValues(TEXT);

  it('are found in templates', () => {
    expect(usedPaths('{{ .Values.image.policy }} {{ with $.Values.labels }}')).toEqual([
      'image.policy',
      'labels',
    ]);
  });

  it('are told from those that nobody reads, and from those that nobody declares', () => {
    expect(unusedValues(values, ['image.policy', 'count'])).toEqual(['image.repository', 'labels']);
    expect(unusedValues(values, ['image', 'count', 'labels.a'])).toEqual([]);
    expect(
      undeclaredValues(values, ['image', 'image.tag', 'count', 'counts', 'labels.any', 'count.x']),
    ).toEqual(['image.tag', 'counts', 'count.x']);
  });

  it('of the chart are all declared, and all that is declared is in use', () => {
    const folder = 'charts/vestibule/templates';
    const used = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(yaml|tpl|txt)$/.test(name))
      .flatMap((name) => usedPaths(readFileSync(`${folder}/${name}`, 'utf8')));
    const declared = documentedValues(readFileSync('charts/vestibule/values.yaml', 'utf8'));
    expect(undeclaredValues(declared, used)).toEqual([]);
    expect(unusedValues(declared, used)).toEqual([]);
  });
});
