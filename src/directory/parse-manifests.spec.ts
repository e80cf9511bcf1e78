import { parseManifests } from './parse-manifests.ts';

const AT = { bornAt: 0, modifiedAt: 0 };

const SECRET_TEXT = 'the-text-that-nobody-may-see';
const names = (file: string, text: string): string[] =>
  parseManifests(file, text, AT).manifests.map(({ kind, name, source }) => `${kind}/${name} of ${source}`);
const problems = (file: string, text: string): string[] =>
  parseManifests(file, text, AT).problems.map(
    ({ source, field, message }) => `${source} ${field} ${message}`,
  );

describe('parsing a manifest file', () => {
  it.each([
    ['one YAML document', 'a.yaml', 'kind: Project\nmetadata: {name: one}\n', ['Project/one of a.yaml']],
    [
      'many YAML documents, empty ones between them',
      'a.yml',
      '---\nkind: Project\nmetadata: {name: one}\n---\n# nothing\n---\nkind: Client\nmetadata: {name: two}\n',
      ['Project/one of a.yml#1', 'Client/two of a.yml#2'],
    ],
    ['one JSON document', 'a.json', '{"kind":"Secret","metadata":{"name":"one"}}', ['Secret/one of a.json']],
    [
      'a JSON array',
      'a.json',
      '[{"kind":"Project","metadata":{"name":"one"}},{"kind":"Secret","metadata":{"name":"one"}}]',
      ['Project/one of a.json#1', 'Secret/one of a.json#2'],
    ],
    [
      'a List, as kubectl writes it',
      'a.yaml',
      'kind: List\nitems: [{kind: Project, metadata: {name: one}}]\n',
      ['Project/one of a.yaml'],
    ],
    ['nothing', 'a.yaml', '# only a comment\n', []],
    [
      'YAML anchors',
      'a.yaml',
      'kind: Project\nmetadata: &m {name: one}\nspec: {again: *m}\n',
      ['Project/one of a.yaml'],
    ],
  ])('reads %s', (_what, file, text, expected) => {
    expect(names(file, text)).toEqual(expected);
    expect(parseManifests(file, text, AT)).toMatchObject({ problems: [], complete: true });
  });

  it.each([
    [
      'broken YAML',
      'a.yaml',
      `kind: Secret\nstringData: {apiKey: "${SECRET_TEXT}\n`,
      /^a\.yaml \/ is not valid YAML at line \d/,
    ],
    [
      'a YAML tab',
      'a.yaml',
      `kind: Secret\n\tapiKey: ${SECRET_TEXT}\n`,
      /^a\.yaml \/ is not valid YAML at line 2/,
    ],
    [
      'a key given twice',
      'a.yaml',
      `kind: Secret\ndata: {a: ${SECRET_TEXT}, a: 1}\n`,
      /^a\.yaml \/ is not valid YAML at line 2 \(DUPLICATE_KEY\)/,
    ],
    ['broken JSON', 'a.json', `{"kind":"Secret","data":"${SECRET_TEXT}`, /^a\.json \/ is not valid JSON$/],
    ['no object', 'a.yaml', `${SECRET_TEXT}\n`, /^a\.yaml \/ must be an object$/],
    [
      'an unknown kind',
      'a.yaml',
      `kind: ${SECRET_TEXT}\nmetadata: {name: a}\n`,
      /^a\.yaml \/kind must be one of Project, Client, Secret$/,
    ],
    [
      'a kind of the prototype',
      'a.yaml',
      'kind: constructor\nmetadata: {name: a}\n',
      /^a\.yaml \/kind must be one of/,
    ],
    ['no name', 'a.yaml', 'kind: Project\n', /^a\.yaml \/metadata\/name must be/],
    [
      'a name that is none',
      'a.yaml',
      `kind: Project\nmetadata: {name: ../${SECRET_TEXT}}\n`,
      /^a\.yaml \/metadata\/name must be/,
    ],
    [
      'another API version',
      'a.yaml',
      'apiVersion: v2\nkind: Secret\nmetadata: {name: a}\n',
      /^a\.yaml \/apiVersion must be v1$/,
    ],
    ['an unknown alias', 'a.yaml', `kind: Secret\nmetadata: *${SECRET_TEXT}\n`, /^a\.yaml \/ /],
    ['an empty file', 'a.yaml', '\n', /^a\.yaml \/ holds nothing/],
  ])('reports %s by source and field, and quotes nothing of the file', (_what, file, text, expected) => {
    const [first, ...rest] = problems(file, text);
    expect(first).toMatch(expected);
    expect(rest).toEqual([]);
    expect(first).not.toContain(SECRET_TEXT);
    expect(parseManifests(file, text, AT).complete).toBe(false);
  });

  it('refuses a document that expands without bound', () => {
    const levels = Array.from({ length: 9 }, (_, level) => {
      const aliases = Array.from({ length: 9 }, () => `*a${level}`).join(', ');
      return `a${level + 1}: &a${level + 1} [${aliases}]`;
    });
    const text = ['kind: Secret', 'metadata: {name: a}', 'a0: &a0 [lol]', ...levels].join('\n');
    expect(problems('a.yaml', text)).toEqual(['a.yaml / has more than 100 aliases or an unknown one']);
  });

  it('keeps the good documents of a file beside the bad', () => {
    const text = 'kind: Nonsense\n---\nkind: Project\nmetadata: {name: good}\n';
    expect(names('a.yaml', text)).toEqual(['Project/good of a.yaml#2']);
    expect(problems('a.yaml', text)[0]).toMatch(/^a\.yaml#1 \/kind /);
  });

  it('takes the creation time of the metadata before that of the file', () => {
    const created = (metadata: string): number | undefined =>
      parseManifests('a.yaml', `kind: Project\nmetadata: ${metadata}\n`, { bornAt: 42, modifiedAt: 43 })
        .manifests[0]?.createdAt;
    expect(created('{name: a}')).toBe(42);
    expect(created('{name: a, creationTimestamp: not a time}')).toBe(42);
    expect(created('{name: a, creationTimestamp: "2026-01-01T00:00:00Z"}')).toBe(
      Date.parse('2026-01-01T00:00:00Z'),
    );
  });
});
