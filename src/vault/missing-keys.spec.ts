import { pino } from 'pino';
import { FakeClock } from '../../test/support/fake-clock.ts';
import type { ManifestProblem } from '../manifests/manifest.ts';
import type { KeyRef, ProjectKey } from './project-key.ts';
import { type MissingKey, Vault } from './vault.ts';
import { MissingKeys } from './missing-keys.ts';

/** A vault without keys, which says why as a test wants it. */
class EmptyVault extends Vault {
  readonly asked: string[] = [];
  answer: MissingKey | Error = { reason: 'KeyMissing', message: 'there is none' };
  override readonly loaded = Promise.resolve();

  override explainMissing({ name, key }: KeyRef): Promise<MissingKey> {
    this.asked.push(`${name}/${key}`);
    return this.answer instanceof Error ? Promise.reject(this.answer) : Promise.resolve(this.answer);
  }

  override start(): Promise<void> {
    return Promise.resolve();
  }
  override stop(): void {
    // Nothing runs.
  }
  override find(): ProjectKey | undefined {
    return undefined;
  }
  override holds(): Promise<boolean> {
    return Promise.resolve(false);
  }
  override checkWritable(): Promise<void> {
    return Promise.resolve();
  }
  override put(): Promise<ProjectKey> {
    return Promise.reject(new Error('it stays empty'));
  }
  override remove(): Promise<void> {
    return Promise.resolve();
  }
  override currentAt(): number {
    return 0;
  }
  override problems(): ManifestProblem[] {
    return [];
  }
  override problemOf(): ManifestProblem | undefined {
    return undefined;
  }
  override onChange(): void {
    // Nothing changes.
  }
}

const FRESH_MS = 4_000;
const ref = { name: 'shop-key', key: 'apiKey' };
const unlabelled: MissingKey = { reason: 'SecretNotLabelled', message: 'it lacks a label' };

function remembered(): { vault: EmptyVault; clock: FakeClock; missing: MissingKeys } {
  const vault = new EmptyVault();
  const clock = new FakeClock();
  return { vault, clock, missing: new MissingKeys(vault, clock, pino({ level: 'silent' })) };
}

describe('why keys are missing', () => {
  it('is unknown until somebody asked', async () => {
    const { vault, missing } = remembered();
    expect(missing.known(ref)).toBeUndefined();
    expect(missing.isStale(ref)).toBe(true);
    expect(vault.asked).toEqual([]);
    expect(await missing.explain(ref)).toEqual(vault.answer);
    expect(missing.known(ref)).toEqual(vault.answer);
    expect(missing.isStale(ref)).toBe(false);
  });

  it('is asked for once in a while, key by key', async () => {
    const { vault, clock, missing } = remembered();
    const other = { ...ref, key: 'other' };
    await missing.explain(ref);
    clock.advance(FRESH_MS - 1);
    await missing.explain(ref);
    await missing.explain(other);
    expect(vault.asked).toEqual(['shop-key/apiKey', 'shop-key/other']);
    clock.advance(1);
    expect([missing.isStale(ref), missing.isStale(other)]).toEqual([true, false]);
    vault.answer = unlabelled;
    expect(await missing.explain(ref)).toEqual(unlabelled);
  });

  it('stays what it was while the vault cannot say, and is asked for again at once', async () => {
    const { vault, clock, missing } = remembered();
    const before = vault.answer;
    await missing.explain(ref);
    clock.advance(FRESH_MS);
    vault.answer = new Error('away');
    expect(await missing.explain(ref)).toEqual(before);
    vault.answer = unlabelled;
    expect(await missing.explain(ref)).toEqual(unlabelled);
  });

  it('is nothing while the vault never could say', async () => {
    const { vault, missing } = remembered();
    vault.answer = new Error('away');
    expect(await missing.explain(ref)).toBeUndefined();
    expect(missing.isStale(ref)).toBe(true);
  });

  it('is asked for anew after the key was there', async () => {
    const { vault, missing } = remembered();
    await missing.explain(ref);
    missing.forget(ref);
    expect(missing.known(ref)).toBeUndefined();
    await missing.explain(ref);
    expect(vault.asked).toHaveLength(2);
  });

  it('is asked for at most five times a second, however many are missing', async () => {
    const { clock, missing } = remembered();
    for (let number = 0; number < 100; number += 1) await missing.explain({ ...ref, name: `key-${number}` });
    const first = { ...ref, name: 'key-0' };
    clock.advance(19_999);
    expect(missing.isStale(first)).toBe(false);
    clock.advance(1);
    expect(missing.isStale(first)).toBe(true);
  });
});
