import { parse } from 'yaml';
import { editManifest, newManifest, removeManifest } from './edit-manifests.ts';

const PROJECT = { kind: 'Project', name: 'mine' } as const;
const suspend = [{ path: ['spec', 'suspended'], value: true }];

const COMMENTED = `# Ask ops before you edit.
kind: Project
metadata:
  name: mine # ours
spec:
  # raised for the launch
  session: {maxConcurrent: 50}
---
# the other one
kind: Project
metadata: {name: other}
`;

describe('editing a manifest file', () => {
  it('keeps comments, order, style and the other documents', () => {
    const edited = editManifest('a.yaml', COMMENTED, PROJECT, suspend);
    const [mine, other] = edited.split('---\n');
    expect(mine).toContain('# Ask ops before you edit.');
    expect(mine).toContain('name: mine # ours');
    expect(mine).toMatch(
      /# raised for the launch\n {2}session: \{ ?maxConcurrent: 50 ?\}\n {2}suspended: true\n$/,
    );
    expect(other).toContain('# the other one');
    expect(parse(other ?? '')).toEqual({ kind: 'Project', metadata: { name: 'other' } });
  });

  it('keeps a comment that stands before the first document’s marker', () => {
    const edited = editManifest('a.yaml', `# ours\n---\n${COMMENTED}`, PROJECT, suspend);
    expect(edited).toMatch(/^# ours\n/);
  });

  it('sets the same value twice to the same text', () => {
    const once = editManifest('a.yaml', COMMENTED, PROJECT, suspend);
    expect(editManifest('a.yaml', once, PROJECT, suspend)).toBe(once);
  });

  it.each([
    ['a.yaml', 'kind: Project\nmetadata: {name: mine}\n'],
    ['a.yaml', 'kind: Project\nmetadata: {name: mine}\nspec:\n'],
    ['a.json', '{"kind":"Project","metadata":{"name":"mine"}}'],
    ['a.json', '{"kind":"Project","metadata":{"name":"mine"},"spec":null}'],
  ])('makes what is missing on the way to a field (%s %j)', (file, text) => {
    expect(parse(editManifest(file, text, PROJECT, suspend))).toMatchObject({ spec: { suspended: true } });
  });

  it.each([
    ['a.yaml', 'kind: Secret\nmetadata: {name: mine}\ndata: {a: x, b: y}\n'],
    ['a.json', '{"kind":"Secret","metadata":{"name":"mine"},"data":{"a":"x","b":"y"}}'],
  ])('removes a field, and takes a missing one for removed (%s)', (file, text) => {
    const edits = [
      { path: ['data', 'a'], value: undefined },
      { path: ['stringData', 'a'], value: undefined },
    ];
    const edited = parse(editManifest(file, text, { kind: 'Secret', name: 'mine' }, edits)) as object;
    expect(edited).toMatchObject({ data: { b: 'y' } });
    expect(edited).not.toHaveProperty('data.a');
  });

  it('edits one manifest of a JSON array', () => {
    const text = JSON.stringify([
      { kind: 'Project', metadata: { name: 'other' } },
      { kind: 'Project', metadata: { name: 'mine' } },
    ]);
    expect(JSON.parse(editManifest('a.json', text, PROJECT, suspend))).toEqual([
      { kind: 'Project', metadata: { name: 'other' } },
      { kind: 'Project', metadata: { name: 'mine' }, spec: { suspended: true } },
    ]);
  });

  it.each([
    ['a.yaml', COMMENTED],
    [
      'a.json',
      '[{"kind":"Project","metadata":{"name":"mine"}},{"kind":"Project","metadata":{"name":"other"}}]',
    ],
  ])('removes one manifest, then leaves nothing to keep with the last (%s)', (file, text) => {
    const rest = removeManifest(file, text, PROJECT);
    expect(parse(rest ?? '')).toEqual({ kind: 'Project', metadata: { name: 'other' } });
    expect(removeManifest(file, rest ?? '', { kind: 'Project', name: 'other' })).toBeUndefined();
  });

  it('refuses what stands inside a list and has to be edited by hand', () => {
    const text = 'kind: List\nitems: [{kind: Project, metadata: {name: mine}}]\n';
    expect(() => editManifest('a.yaml', text, PROJECT, suspend)).toThrow('by hand');
    expect(() => removeManifest('a.yaml', text, PROJECT)).toThrow('by hand');
  });

  it('writes a new manifest that reads back as it is', () => {
    const long = 'x'.repeat(500);
    const document = {
      kind: 'Secret',
      metadata: { name: 'null' },
      data: { a: long, b: 'yes', c: '0o7', d: '' },
    };
    expect(parse(newManifest(document))).toEqual(document);
  });
});
