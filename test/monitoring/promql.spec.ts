import { groupingsOf, selectorsOf, withoutFilters } from './promql.ts';

const QUERY = `max by (namespace, le) (rate(a_total{job="x",code=~"b|c"}[5m] offset 1h)) / on (namespace) d:e > 14.4 * 0.5
  and sum(f unless g) == 1`;

it('finds every selector, and nothing else', () => {
  expect(selectorsOf(QUERY).map(({ text }) => text)).toEqual([
    'a_total{job="x",code=~"b|c"}',
    'd:e',
    'f',
    'g',
  ]);
  expect(selectorsOf(QUERY)[0]?.matchers).toEqual([
    { label: 'job', operator: '=', value: 'x' },
    { label: 'code', operator: '=~', value: 'b|c' },
  ]);
});

it('finds the labels of groupings', () => {
  expect(groupingsOf(QUERY)).toEqual(['namespace', 'le', 'namespace']);
});

it('makes a filter a figure, and leaves matchers alone', () => {
  expect(withoutFilters('a{b!="c"} >= 1 != bool 2')).toBe('a{b!="c"} >= bool  1 != bool 2');
});
