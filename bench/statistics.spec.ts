import { difference, drift, median, percentile, ratio, rotated, sum } from './statistics.ts';

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1);

  it('is a measured value: the one at the nearest rank', () => {
    expect([0.5, 0.95, 0.99, 1].map((share) => percentile(hundred, share))).toEqual([50, 95, 99, 100]);
    expect([0.5, 0.95, 0.99].map((share) => percentile([1, 2, 3], share))).toEqual([2, 3, 3]);
  });

  it('is the only value of one, and unknown of none', () => {
    expect(percentile([7], 0.01)).toBe(7);
    expect(percentile([], 0.5)).toBeNull();
  });
});

describe('median', () => {
  it('is the middle one, whatever the order, and halfway between two', () => {
    expect(median([10, 9, 100])).toBe(10);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([5])).toBe(5);
  });

  it('is unknown when a round has no value, rather than the median of fewer rounds', () => {
    expect(median([1, null, 3])).toBeNull();
    expect(median([])).toBeNull();
  });
});

describe('ratio and difference', () => {
  it('are unknown where they would mislead', () => {
    expect(ratio(1, 2)).toBe(0.5);
    expect(ratio(1, 0)).toBeNull();
    expect(ratio(1, -0.1)).toBeNull();
    expect(ratio(null, 2)).toBeNull();
    expect(difference(1, 3)).toBe(-2);
    expect(difference(1, null)).toBeNull();
  });
});

describe('sum', () => {
  it('is of all, or of none', () => {
    expect(sum([1, 2, 3])).toBe(6);
    expect(sum([1, null])).toBeNull();
    expect(sum([])).toBe(0);
  });
});

describe('drift', () => {
  it('is how far the farthest is from the first, up or down', () => {
    expect(drift([100, 104, 98])).toBeCloseTo(0.04);
    expect(drift([100, 104, 80])).toBeCloseTo(0.2);
    expect(drift([100])).toBe(0);
  });

  it('is unknown where a value is', () => {
    expect(drift([100, null, 100])).toBeNull();
    expect(drift([null, 100])).toBeNull();
    expect(drift([])).toBeNull();
  });
});

describe('rotated', () => {
  it('lets each come first in turn', () => {
    expect([0, 1, 2, 3].map((round) => rotated(['a', 'b', 'c'], round).join(''))).toEqual([
      'abc',
      'bca',
      'cab',
      'abc',
    ]);
    expect(rotated([], 1)).toEqual([]);
  });
});
