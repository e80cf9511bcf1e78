import { describe, expect, it } from '@jest/globals';
import { Turnstile } from './turnstile.ts';

describe('Turnstile', () => {
  it('lets the first through at once, and the others one by one in their order', async () => {
    const turnstile = new Turnstile();
    const passed: string[] = [];
    expect(turnstile.enter()).toBeUndefined();
    const second = turnstile.enter()?.then(() => passed.push('second'));
    const third = turnstile.enter()?.then(() => passed.push('third'));
    expect(passed).toEqual([]);
    turnstile.leave();
    await second;
    expect(passed).toEqual(['second']);
    turnstile.leave();
    await third;
    expect(passed).toEqual(['second', 'third']);
    turnstile.leave();
    expect(turnstile.enter()).toBeUndefined();
  });
});
