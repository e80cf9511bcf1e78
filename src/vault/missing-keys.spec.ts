import { pino } from 'pino';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { MemoryVault } from '../../test/support/memory-vault.ts';
import { MissingKeys } from './missing-keys.ts';
import type { MissingKey } from './vault.ts';

const FRESH_MS = 4_000;
const ref = { name: 'shop-key', key: 'apiKey' };
const unlabelled: MissingKey = { reason: 'SecretNotLabelled', message: 'it lacks a label' };

function remembered(): { vault: MemoryVault; clock: FakeClock; missing: MissingKeys } {
  const vault = new MemoryVault();
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
