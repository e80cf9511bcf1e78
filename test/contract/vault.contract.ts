import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { SecretString } from '../../src/common/secret-string.ts';
import type { KeyRef } from '../../src/vault/project-key.ts';
import type { Vault } from '../../src/vault/vault.ts';
import { aKey } from '../support/manifests.ts';
import { until } from '../support/until.ts';

/** A started vault, and what its operators do to the store behind its back. */
export interface VaultUnderTest {
  vault: Vault;
  /** A Secret with exactly these entries. */
  writeOutside(name: string, entries: Record<string, string>): Promise<void>;
  removeOutside(name: string): Promise<void>;
  /** What no key can be read from, in this entry of the Secret. */
  corruptOutside(ref: KeyRef): Promise<void>;
  /** The source that a problem of this Secret names. */
  sourceOf(name: string): string;
  close(): Promise<void>;
}

/** A change from outside is seen within this time. */
const SEEN_MS = 1_000;

/** What every adapter of the vault does; run it on each. */
export function vaultContract(name: string, makeAdapter: () => Promise<VaultUnderTest>): void {
  describe(`the vault contract on ${name}`, () => {
    let store: VaultUnderTest;
    let vault: Vault;

    beforeAll(async () => {
      store = await makeAdapter();
      vault = store.vault;
    });
    afterAll(async () => {
      await store.close();
    });

    const aRef = (key = 'apiKey'): KeyRef => ({ name: `s-${randomBytes(6).toString('hex')}`, key });
    const aSecret = (): SecretString => new SecretString(aKey());
    const holds = (ref: KeyRef, secret: SecretString): boolean =>
      vault.find(ref)?.fingerprint === secret.fingerprint();

    it('finds nothing where nothing was put', () => {
      expect(vault.find(aRef())).toBeUndefined();
    });

    it('gives back what was put, at once when put resolves', async () => {
      const [ref, secret] = [aRef(), aSecret()];
      const put = await vault.put(ref, secret);
      const found = vault.find(ref);
      expect(found?.reveal()).toBe(secret.reveal());
      expect([put.fingerprint, found?.fingerprint]).toEqual([secret.fingerprint(), secret.fingerprint()]);
    });

    it('keeps a handle of the version before usable after a replacement', async () => {
      const [ref, first, second] = [aRef(), aSecret(), aSecret()];
      const before = await vault.put(ref, first);
      await vault.put(ref, second);
      expect(before.reveal()).toBe(first.reveal());
      expect(vault.find(ref)?.reveal()).toBe(second.reveal());
    });

    it('keeps the version, and since when it is held, when the same key is put again', async () => {
      const [ref, secret] = [aRef(), aSecret()];
      const first = await vault.put(ref, secret);
      const again = await vault.put(ref, secret);
      expect(again.loadedAt).toBe(first.loadedAt);
    });

    it('removes a key, and takes a second removal for done', async () => {
      const ref = aRef();
      await vault.put(ref, aSecret());
      await vault.remove(ref);
      expect(vault.find(ref)).toBeUndefined();
      await expect(vault.remove(ref)).resolves.toBeUndefined();
      await expect(vault.remove(aRef())).resolves.toBeUndefined();
    });

    it('takes a key again after its removal', async () => {
      const [ref, secret] = [aRef(), aSecret()];
      await vault.put(ref, aSecret());
      await vault.remove(ref);
      await vault.put(ref, secret);
      expect(holds(ref, secret)).toBe(true);
    });

    it('keeps two keys of one Secret apart', async () => {
      const one = aRef('one');
      const two = { ...one, key: 'two' };
      const [first, second] = [aSecret(), aSecret()];
      await vault.put(one, first);
      await vault.put(two, second);
      expect([holds(one, first), holds(two, second)]).toEqual([true, true]);
      await vault.remove(one);
      expect([vault.find(one), holds(two, second)]).toEqual([undefined, true]);
    });

    it('sees what appears, changes and goes outside within 1 s', async () => {
      const [ref, first, second] = [aRef(), aSecret(), aSecret()];
      await store.writeOutside(ref.name, { [ref.key]: first.reveal() });
      await until('the new key is seen', () => holds(ref, first), SEEN_MS);
      await store.writeOutside(ref.name, { [ref.key]: second.reveal() });
      await until('the change is seen', () => holds(ref, second), SEEN_MS);
      await store.removeOutside(ref.name);
      await until('the removal is seen', () => vault.find(ref) === undefined, SEEN_MS);
      await store.writeOutside(ref.name, { [ref.key]: first.reveal() });
      await until('the recreated key is seen', () => holds(ref, first), SEEN_MS);
    });

    it('shows what relays share where the entry says so, and never a key, and sees it change within 1 s', async () => {
      const [ref, key] = [aRef('turnSecret'), aSecret()];
      const [first, second] = [aSecret(), aSecret()];
      const seen = (): string | undefined => vault.findTurnSecret(ref)?.reveal();
      expect(seen()).toBeUndefined();
      await store.writeOutside(ref.name, { turnSecret: first.reveal(), apiKey: key.reveal() });
      await until('it is seen', () => seen() === first.reveal(), SEEN_MS);
      expect(vault.findTurnSecret(ref)?.fingerprint).toBe(first.fingerprint());
      expect(inspect(vault.findTurnSecret(ref))).toBe(`TurnSecret ${first.fingerprint()}`);
      expect(holds({ ...ref, key: 'apiKey' }, key)).toBe(true);
      expect(vault.findTurnSecret({ ...ref, key: 'apiKey' })).toBeUndefined();
      await store.writeOutside(ref.name, { turnSecret: second.reveal() });
      await until('the change is seen', () => seen() === second.reveal(), SEEN_MS);
    });

    it('forgets an entry that is gone while its Secret stays', async () => {
      const [ref, secret] = [aRef('gone'), aSecret()];
      const stays = { ...ref, key: 'stays' };
      await store.writeOutside(ref.name, { gone: aKey(), stays: secret.reveal() });
      await until('both are seen', () => vault.find(ref) !== undefined && holds(stays, secret), SEEN_MS);
      await store.writeOutside(ref.name, { stays: secret.reveal() });
      await until('one is gone', () => vault.find(ref) === undefined, SEEN_MS);
      expect(holds(stays, secret)).toBe(true);
    });

    it('keeps the last good key when its entry is malformed, and reports where until it is mended', async () => {
      const [ref, good, mended] = [aRef(), aSecret(), aSecret()];
      const ours = (): unknown[] =>
        vault.problems().filter(({ source }) => source === store.sourceOf(ref.name));
      await store.writeOutside(ref.name, { [ref.key]: good.reveal() });
      await until('the key is seen', () => holds(ref, good), SEEN_MS);
      await store.corruptOutside(ref);
      await until('the problem is seen', () => ours().length > 0, SEEN_MS);
      expect(ours()).toEqual([expect.objectContaining({ field: `/data/${ref.key}` })]);
      expect(holds(ref, good)).toBe(true);
      await vault.put(ref, mended);
      expect(ours()).toEqual([]);
      expect(holds(ref, mended)).toBe(true);
    });

    it('has no key where the first version is malformed', async () => {
      const ref = aRef();
      await store.corruptOutside(ref);
      await until(
        'the problem is seen',
        () => vault.problems().some(({ source }) => source === store.sourceOf(ref.name)),
        SEEN_MS,
      );
      expect(vault.find(ref)).toBeUndefined();
      await store.removeOutside(ref.name);
    });

    it('ends concurrent puts with one of them, whole', async () => {
      const ref = aRef();
      const secrets = Array.from({ length: 20 }, aSecret);
      await Promise.all(secrets.map((secret) => vault.put(ref, secret)));
      const found = vault.find(ref);
      expect(secrets.map((secret) => secret.reveal())).toContain(found?.reveal());
    });

    it('ends concurrent puts of different keys with all of them', async () => {
      const puts = Array.from({ length: 10 }, () => [aRef(), aSecret()] as const);
      await Promise.all(puts.map(([ref, secret]) => vault.put(ref, secret)));
      expect(puts.filter(([ref, secret]) => !holds(ref, secret))).toEqual([]);
    });

    it('tells its listeners of a change when it can be found', async () => {
      const [ref, secret] = [aRef(), aSecret()];
      const seen: boolean[] = [];
      vault.onChange(() => seen.push(holds(ref, secret)));
      await vault.put(ref, secret);
      expect(seen).toContain(true);
    });

    it('does not show a key in its problems', async () => {
      const [ref, good] = [aRef(), aKey()];
      const unusable = `${aKey()} with a space`;
      await store.writeOutside(ref.name, { [ref.key]: unusable, good });
      await until('the good one is seen', () => vault.find({ ...ref, key: 'good' }) !== undefined, SEEN_MS);
      const told = JSON.stringify(vault.problems());
      expect(told).toContain(store.sourceOf(ref.name));
      for (const text of [unusable, good, Buffer.from(unusable).toString('base64')]) {
        expect(told).not.toContain(text);
      }
    });
  });
}
