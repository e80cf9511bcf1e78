import { type Kept, resultsPage } from './results-page.ts';

const ADDED = { serviceMs: 6, forwarderMs: 3, ratio: 2 };

function kept(parts: Partial<Kept> = {}): Kept {
  return {
    kind: 'bench',
    date: '2026-01-02T03:04:05.000Z',
    commit: 'abc1234',
    dirty: false,
    machine: {
      cores: 2,
      model: 'A | B',
      platform: 'linux x64',
      node: '24.0.0',
      postgres: '18.0',
      settings: {},
      usage: true,
    },
    options: {},
    verdicts: [
      { text: 'one', met: true },
      { text: 'two', met: false },
      { text: 'three', met: null },
    ],
    cases: [0, 30].map((latencyMs) => ({
      latencyMs,
      connections: 64,
      rounds: 5,
      medians: {},
      ratios: { sessionsPerSecond: 0.8, p99: null, addedP50: ADDED, addedP99: ADDED },
      comparisons: {},
      foreignShare: 0,
      errors: {},
    })),
    ...parts,
  };
}

describe('resultsPage', () => {
  it('has a row for each result, the oldest first', () => {
    const later = kept({ date: '2026-02-01T00:00:00.000Z', dirty: true });
    const rows = resultsPage([
      { file: 'z.json', kept: later },
      { file: 'y.json', kept: kept() },
    ])
      .split('\n')
      .filter((line) => line.startsWith('| ['));
    expect(rows).toEqual([
      '| [y](y.json) | abc1234 | 2 cores, A / B; Node 24.0.0, PostgreSQL 18.0 | 64: 0.80, - | 64: 2.00, 2.00 | 1 of 2 |',
      expect.stringContaining('| abc1234, changed |'),
    ]);
  });

  it('also lists what has no cases', () => {
    const { cases: _cases, ...soak } = kept({ kind: 'soak' });
    expect(resultsPage([{ file: 'soak.json', kept: soak }])).toContain('PostgreSQL 18.0 |  |  | 1 of 2 |');
  });
});
