import { memo } from './memo.ts';

describe('memo', () => {
  it('computes an answer once', () => {
    const asked: string[] = [];
    const upper = memo(2, (text) => {
      asked.push(text);
      return text.toUpperCase();
    });
    expect(['a', 'a', 'b', 'a'].map(upper)).toEqual(['A', 'A', 'B', 'A']);
    expect(asked).toEqual(['a', 'b']);
  });

  it('keeps to its bound', () => {
    let computed = 0;
    const counted = memo(2, () => (computed += 1));
    for (const text of ['a', 'b', 'c', 'c']) counted(text);
    expect(computed).toBe(3);
    counted('a');
    expect(computed).toBe(4);
  });

  it('does not let what has no answer push out what has one', () => {
    const asked: string[] = [];
    const known = memo(2, (text) => {
      asked.push(text);
      return text === 'good' ? text : undefined;
    });
    for (const text of ['good', 'bad 1', 'bad 2', 'bad 3', 'good']) known(text);
    expect(asked.filter((text) => text === 'good')).toHaveLength(1);
  });

  it('recalls what it knows, and computes nothing for that', () => {
    let computed = 0;
    const counted = memo(2, (text) => `${text} ${(computed += 1)}`);
    expect(counted.recall('a')).toBeUndefined();
    counted('a');
    expect([counted.recall('a'), computed]).toEqual(['a 1', 1]);
  });
});
