import { codeOf, reasonOf, shownUrl } from './describe.ts';

const refused = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED' });

describe('describing', () => {
  it.each<[string, unknown]>([
    ['an error', refused],
    ['what others wrapped', new Error('outer', { cause: new Error('inner', { cause: refused }) })],
    ['one of several tries', new AggregateError([refused, refused])],
  ])('finds the reason in %s', (_what, error) => {
    expect(reasonOf(error)).toBe('connect ECONNREFUSED 127.0.0.1:5432');
    expect(codeOf(error)).toBe('ECONNREFUSED');
  });

  it('tells a time-out, and not what broke because of it', () => {
    const error = new Error('connection timeout', { cause: new Error('terminated unexpectedly') });
    expect(reasonOf(new Error('outer', { cause: error }))).toBe('connection timeout');
  });

  it('ends for what causes itself, and for what is no error', () => {
    const circle = new Error('round');
    circle.cause = circle;
    expect(reasonOf(circle)).toBe('round');
    for (const thrown of [undefined, null, 'a secret', 7]) {
      expect([reasonOf(thrown), codeOf(thrown)]).toEqual(['for no stated reason', undefined]);
    }
  });

  it.each([
    ['https://api.example/v1', 'https://api.example/v1'],
    ['https://user:word@api.example:8443/?key=word#word', 'https://api.example:8443'],
    ['no url', '(not a URL)'],
  ])('shows %s as %s', (url, shown) => {
    expect(shownUrl(url)).toBe(shown);
  });
});
