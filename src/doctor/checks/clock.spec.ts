import { judgeClock } from './clock.ts';

describe('the judgement on clocks', () => {
  it.each([
    [0, 2, 'ok'],
    [999, 0, 'ok'],
    [-1_001, 0, 'warning'],
    [1_500, 1_200, 'ok'],
    [29_000, 0, 'warning'],
    [30_001, 0, 'error'],
    [-86_400_000, 40, 'error'],
    [31_000, 4_000, 'warning'],
  ])('of %i ms ahead with a round trip of %i ms is %s', (aheadMs, roundTripMs, expected) => {
    const { status, fix } = judgeClock({ aheadMs, roundTripMs });
    expect([status, fix !== undefined]).toEqual([expected, expected !== 'ok']);
  });

  it('says which clock is ahead, and by how much for certain', () => {
    expect(judgeClock({ aheadMs: 2_510, roundTripMs: 20 }).message).toMatch(/2\.5 s ahead of ours/);
    expect(judgeClock({ aheadMs: -2_510, roundTripMs: 20 }).message).toMatch(/2\.5 s behind ours/);
  });
});
