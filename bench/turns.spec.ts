import { callerAt } from './turns.ts';

function callsOf(turns: number, callers: number, hotPercent?: number): number[] {
  const calls = Array.from({ length: callers }, () => 0);
  for (let turn = 0; turn < turns; turn += 1) {
    const caller = callerAt(turn, callers, hotPercent);
    calls[caller] = (calls[caller] ?? 0) + 1;
  }
  return calls;
}

describe('callerAt', () => {
  it('takes everybody in turn', () => {
    expect([0, 1, 2, 3].map((turn) => callerAt(turn, 3, undefined))).toEqual([0, 1, 2, 0]);
  });

  it('gives the hot one its share, and the rest to all others alike', () => {
    expect(callsOf(1_000, 11, 90)).toEqual([900, ...Array.from({ length: 10 }, () => 10)]);
    expect(callsOf(100, 3, 1)).toEqual([1, 50, 49]);
  });

  it('spreads the share over the load, so that no moment is without it', () => {
    const order = Array.from({ length: 40 }, (_, turn) => (callerAt(turn, 5, 75) === 0 ? 'h' : '.')).join('');
    expect(order).toBe('.hhh'.repeat(10));
  });

  it('lets the only one call every time', () => {
    expect(callsOf(10, 1, 90)).toEqual([10]);
  });
});
