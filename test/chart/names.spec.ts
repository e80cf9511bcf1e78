import { changed, keyOf, type Manifest, only, render, valuesOf, type Values } from './support/helm.ts';

const base = valuesOf('default');
const full = valuesOf('full');

describe('names', () => {
  it('of two releases in one namespace, and of one name in two namespaces, are all different', async () => {
    const secondary = changed(full, { crds: { install: false }, keyNamespace: { create: false } });
    const releases = [
      { name: 'one', namespace: 'voice' },
      { name: 'two', namespace: 'voice' },
      { name: 'one', namespace: 'other' },
      { name: 'one', namespace: 'voice-one' },
      { name: 'one-one', namespace: 'voice' },
    ];
    const keys = (await Promise.all(releases.map((release) => render(secondary, release)))).flat().map(keyOf);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
  });

  it('of long releases fit, and differ where only their ends do', async () => {
    const long = (end: string): string => `${'a'.repeat(52)}${end}`;
    const secondary = changed(full, { crds: { install: false }, keyNamespace: { create: false } });
    const ofTwo = (namespace: string): Promise<Manifest[][]> =>
      Promise.all(['b', 'c'].map((end) => render(secondary, { name: long(end), namespace })));
    const both = (
      await Promise.all([30, 40, 41, 42, 43, 44, 45, 46, 63].map((n) => ofTwo('n'.repeat(n))))
    ).flat();
    const keys = both.flat().map(keyOf);
    expect(keys.filter((key, index) => keys.indexOf(key) !== index)).toEqual([]);
    for (const { metadata } of both.flat()) {
      expect(metadata.name).toMatch(
        /^(?=.{1,63}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)?$/,
      );
      for (const label of Object.values(metadata.labels)) expect(label.length).toBeLessThanOrEqual(63);
    }
    const [{ metadata }] = (await render(base, { namespace: 'n'.repeat(63) })).filter(
      ({ kind }) => kind === 'Namespace',
    ) as [Manifest];
    expect(metadata.name).toMatch(/^[a-z0-9-]{1,63}$/);
  });

  it('are what the values say instead', async () => {
    const name = async (changes: Values): Promise<string> =>
      only(await render(changed(base, changes), { name: 'eu' }), 'Deployment').metadata.name;
    expect(await name({})).toBe('eu-vestibule');
    expect(await name({ nameOverride: 'voice' })).toBe('eu-voice');
    expect(await name({ fullnameOverride: 'broker' })).toBe('broker');
  });
});
