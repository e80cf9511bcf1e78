import { slotsStillTaken, wrongBursts } from './slots.ts';

describe('a lost slot', () => {
  const free = { project: 'p', counted: 0, countedByVault: 0, live: 0 };

  it('is one that is still counted, or still held, after everything lapsed', () => {
    expect(slotsStillTaken([free])).toEqual([]);
    expect(slotsStillTaken([{ ...free, counted: 1 }])).toHaveLength(1);
    expect(slotsStillTaken([{ ...free, countedByVault: 1 }])).toHaveLength(1);
    expect(slotsStillTaken([{ ...free, live: 1 }])).toHaveLength(1);
  });

  it('is one that a burst does not get', () => {
    const refused = { '429 concurrency_limit_exceeded': 3 };
    expect(wrongBursts([{ project: 'p', free: 5, outcomes: { 200: 5, ...refused } }])).toEqual([]);
    expect(wrongBursts([{ project: 'p', free: 5, outcomes: { 200: 4, ...refused } }])).toMatchObject([
      { check: 'no slot is lost' },
    ]);
    expect(wrongBursts([{ project: 'p', free: 5, outcomes: { 200: 6, ...refused } }])).toMatchObject([
      { check: 'no over-admission' },
    ]);
    expect(wrongBursts([{ project: 'p', free: 5, outcomes: { 200: 5, '503 unavailable': 3 } }])).toHaveLength(
      1,
    );
  });
});
