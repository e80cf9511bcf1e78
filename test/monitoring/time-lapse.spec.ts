import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RULE_GROUPS } from './charts.ts';
import { promtool } from './programs.ts';
import { millisecondsOf, shortened, timeLapsed, timeLapsedGroups } from './time-lapse.ts';

const FACTOR = 60;

it.each([
  ['1h', '60s'],
  ['5m', '5s'],
  ['90s', '1500ms'],
  ['3d', '4320s'],
  ['600ms', '10ms'],
])('%s becomes %s', (duration, expected) => {
  expect(shortened(duration, FACTOR)).toBe(expected);
});

it.each(['1ms', '100ms', '1h30m', '5', '0s', '1w'])('refuses %s, which it would get wrong', (duration) => {
  expect(() => shortened(duration, FACTOR)).toThrow();
});

it.each([
  ['rate(a_total{job="x"}[5m]) > 0.1', 'rate(a_total{job="x"}[5s]) > 0.1'],
  ['a unless last_over_time(a[1h] offset 15m)', 'a unless last_over_time(a[60s] offset 15s)'],
  ['sum_over_time(a[6h:5m]) * 300 > 10', 'sum_over_time(a[360s:5s]) * 5 > 10'],
  [
    'sum_over_time(a:rate5m[30m]) / sum_over_time(b[30m])',
    'sum_over_time(a:rate5m[30s]) / sum_over_time(b[30s])',
  ],
])('%s looks back a sixtieth as far', (expr, expected) => {
  expect(timeLapsed(expr, FACTOR)).toBe(expected);
});

it.each([
  'vault_key_age_seconds{job="vestibule"} > 90 * 86400',
  'time() - a_timestamp_seconds > 60 * 86400',
  'database_up == 0',
  'sum by (namespace) (a:increase15m) > 10',
])('leaves what is measured in %s', (expr) => {
  expect(timeLapsed(expr, FACTOR)).toBe(expr);
});

it('refuses a sum that is weighed by anything but its step', () => {
  expect(() => timeLapsed('sum_over_time(a[6h:5m]) * 60', FACTOR)).toThrow(/5m are weighed by 60/);
});

describe('The rules', () => {
  const lapsed = timeLapsedGroups(RULE_GROUPS, FACTOR);
  const rules = RULE_GROUPS.flatMap((group) => group.rules);

  it('differ in nothing but numbers and units of time', () => {
    const bare = (text: string): string => text.replaceAll(/\b\d+(ms|[smhd])?\b/g, 'N');
    const lapsedRules = lapsed.flatMap((group) => group.rules);
    expect(lapsedRules.map(({ expr }) => bare(expr))).toEqual(rules.map(({ expr }) => bare(expr)));
    const others = ({ expr: _expr, for: _held, ...rest }: (typeof rules)[number]): object => rest;
    expect(lapsedRules.map(others)).toEqual(rules.map(others));
  });

  it('are all shorter, and by the same factor', () => {
    const durations = (text: string): number[] =>
      [...text.matchAll(/(?<![\w:])\d+(?:ms|[smhd])\b/g)].map(([duration]) => millisecondsOf(duration));
    const all = (groups: typeof lapsed): number[] =>
      groups
        .flatMap((group) => group.rules)
        .flatMap(({ expr, for: held = '' }) => durations(`${expr} ${held}`));
    expect(all(lapsed).length).toBeGreaterThan(50);
    expect(all(lapsed)).toEqual(all(RULE_GROUPS).map((milliseconds) => milliseconds / FACTOR));
  });

  it('are such as Prometheus takes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vestibule-time-lapse-'));
    try {
      writeFileSync(join(folder, 'rules.yml'), JSON.stringify({ groups: lapsed }));
      await promtool(['check', 'rules', 'rules.yml'], folder);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
