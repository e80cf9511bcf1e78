import { age, milliseconds, percent } from './pages/dashboard/format.ts';

describe('a figure of the dashboard', () => {
  it.each([
    ['per cent', percent(0.9954), '99.5\u00a0%'],
    ['milliseconds', milliseconds(67.54), '67.5\u00a0ms'],
    ['seconds', milliseconds(1_250), '1.3\u00a0s'],
    ['an age', age('2026-01-01T00:00:00.000Z', '2026-01-01T00:03:59.000Z'), '3\u00a0min'],
  ])('stays on one line with its unit: %s', (_, shown, expected) => {
    expect(shown).toBe(expected);
  });

  it('is a dash where there is none', () => {
    expect([percent(null), milliseconds(undefined)]).toEqual(['–', '–']);
  });
});
