import { FakeClock } from '../../test/support/fake-clock.ts';
import { aKey } from '../../test/support/manifests.ts';
import { KeyRing } from './key-ring.ts';
import { readSecret, type StoredSecret } from './stored-secret.ts';

const ref = { name: 'shop-key', key: 'apiKey' };

interface Given {
  name?: string;
  data?: unknown;
  stringData?: unknown;
  changedAt?: number;
}

function aStored({ name = ref.name, data, stringData, changedAt = 0 }: Given): StoredSecret {
  return readSecret({ data, stringData }, { name, source: `Secret/${name}`, changedAt });
}

const encoded = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
const holding = (key: string, more: Given = {}): StoredSecret =>
  aStored({ data: { [ref.key]: encoded(key) }, ...more });

function aRing(...secrets: StoredSecret[]): { ring: KeyRing; clock: FakeClock } {
  const clock = new FakeClock();
  const ring = new KeyRing(clock);
  ring.load(secrets);
  return { ring, clock };
}

describe('a key ring', () => {
  it('keeps the version of a key while its content is the same, however often it is loaded', () => {
    const key = aKey();
    const { ring, clock } = aRing(holding(key, { changedAt: 1 }));
    const before = ring.find(ref);
    clock.advance(1_000);
    ring.load([holding(key, { changedAt: 2 })]);
    ring.load([aStored({ stringData: { [ref.key]: `${key}\n` }, changedAt: 3 })]);
    expect(before?.reveal()).toBe(key);
    expect(ring.find(ref)).toBe(before);
    expect(before).toMatchObject({ loadedAt: clock.now() - 1_000, changedAt: 1 });
  });

  it('has another version of other content, and leaves the one before to those who hold it', () => {
    const [older, newer] = [aKey(), aKey()];
    const { ring, clock } = aRing(holding(older, { changedAt: 1 }));
    const before = ring.find(ref);
    clock.advance(1_000);
    ring.load([holding(newer, { changedAt: 2 })]);
    expect(ring.find(ref)?.reveal()).toBe(newer);
    expect(ring.find(ref)).toMatchObject({ loadedAt: clock.now(), changedAt: 2 });
    expect(before?.reveal()).toBe(older);
  });

  it('has a new version of a key that went and came back', () => {
    const key = aKey();
    const { ring } = aRing(holding(key));
    const before = ring.find(ref);
    ring.load([]);
    expect(ring.find(ref)).toBeUndefined();
    ring.load([holding(key)]);
    expect(ring.find(ref)?.fingerprint).toBe(before?.fingerprint);
    expect(ring.find(ref)).not.toBe(before);
  });

  it('keeps the entries of Secrets apart', () => {
    const [mine, theirs] = [aKey(), aKey()];
    const { ring } = aRing(
      aStored({ data: { apiKey: encoded(mine), other: encoded(theirs) } }),
      holding(theirs, { name: 'other-key' }),
    );
    const found = [ref, { ...ref, key: 'other' }, { ...ref, name: 'other-key' }].map((one) =>
      ring.find(one)?.reveal(),
    );
    expect(found).toEqual([mine, theirs, theirs]);
    expect(ring.find({ name: 'other-key', key: 'other' })).toBeUndefined();
  });

  it('tells what is wrong with an entry, of that entry alone', () => {
    const { ring } = aRing(aStored({ data: { apiKey: '%%%', other: encoded(aKey()) } }));
    const problem = { source: 'Secret/shop-key', field: '/data/apiKey' };
    expect(ring.problemOf(ref)).toMatchObject(problem);
    expect(ring.problems()).toEqual([ring.problemOf(ref)]);
    expect(ring.problemOf({ ...ref, key: 'other' })).toBeUndefined();
    expect(ring.problemOf({ ...ref, name: 'other-key' })).toBeUndefined();
  });

  it.each(['data', 'stringData'] as const)(
    'tells of each of its keys when all of a Secret’s %s is wrong',
    (field) => {
      const { ring } = aRing(aStored({ [field]: ['none'] }));
      const problem = { source: 'Secret/shop-key', field: `/${field}`, message: 'must be an object' };
      expect(ring.problemOf(ref)).toEqual(problem);
      expect(ring.problemOf({ ...ref, key: 'other' })).toEqual(problem);
      expect(ring.problemOf({ ...ref, name: 'shop-key-2' })).toBeUndefined();
      expect(ring.problems()).toEqual([problem]);
    },
  );

  it('tells of an entry’s own problem before that of all of its Secret', () => {
    const { ring } = aRing(aStored({ data: { apiKey: '%%%' }, stringData: ['none'] }));
    expect(ring.problemOf(ref)?.field).toBe('/data/apiKey');
    expect(ring.problemOf({ ...ref, key: 'other' })?.field).toBe('/stringData');
  });

  it('keeps each key of a Secret that became malformed, and takes what can be read of it', () => {
    const [kept, older, newer] = [aKey(), aKey(), aKey()];
    const { ring } = aRing(aStored({ data: { apiKey: encoded(older), other: encoded(kept) } }));
    ring.load([aStored({ data: { apiKey: encoded(newer) }, stringData: ['none'] })]);
    expect(ring.find(ref)?.reveal()).toBe(newer);
    expect(ring.find({ ...ref, key: 'other' })?.reveal()).toBe(kept);
  });

  it('has no problem any more, and the same version, once what was malformed is as before', () => {
    const key = aKey();
    const { ring } = aRing(holding(key));
    const before = ring.find(ref);
    ring.load([aStored({ data: { apiKey: '%%%' } })]);
    expect(ring.find(ref)).toBe(before);
    ring.load([holding(key)]);
    expect(ring.find(ref)).toBe(before);
    expect(ring.problems()).toEqual([]);
  });

  it('drops what was malformed and went', () => {
    const { ring } = aRing(holding(aKey()));
    ring.load([aStored({ data: { apiKey: '%%%' } })]);
    ring.load([]);
    expect(ring.find(ref)).toBeUndefined();
    expect(ring.problemOf(ref)).toBeUndefined();
  });

  it('says nothing of a key in its problems', () => {
    const text = `${aKey()} with a space`;
    const { ring } = aRing(aStored({ stringData: { apiKey: text } }));
    expect(ring.find(ref)).toBeUndefined();
    expect(JSON.stringify(ring.problems())).not.toContain(text.slice(0, 12));
  });
});
