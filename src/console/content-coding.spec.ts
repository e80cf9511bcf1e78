import { chooseCoding, isKnown } from './content-coding.ts';

describe('chooseCoding', () => {
  it.each<[string | undefined, string]>([
    [undefined, 'identity'],
    ['', 'identity'],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip', 'gzip'],
    ['GZIP;q=0.5', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['br; q=0.000, gzip; q=0', 'identity'],
    ['*', 'br'],
    ['br;q=0, *', 'gzip'],
    ['identity', 'identity'],
    ['zstd', 'identity'],
    ['br;q=x', 'identity'],
  ])('answers %p with %s', (header, coding) => {
    expect(chooseCoding(header)).toBe(coding);
  });
});

describe('isKnown', () => {
  it.each<[string | undefined, boolean]>([
    [undefined, false],
    ['W/"a"', true],
    ['W/"b", W/"a"', true],
    ['*', true],
    ['W/"b"', false],
    ['', false],
  ])('of %p is %p', (header, known) => {
    expect(isKnown(header, 'W/"a"')).toBe(known);
  });
});
