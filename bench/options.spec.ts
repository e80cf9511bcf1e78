import { UsageError } from './arguments.ts';
import { parseOptions } from './options.ts';

describe('parseOptions', () => {
  it('measures every number of connections at every latency', () => {
    expect(parseOptions(['--connections', '1,512', '--latency', '0,300'])?.cases).toEqual([
      { latencyMs: 0, connections: 1 },
      { latencyMs: 0, connections: 512 },
      { latencyMs: 300, connections: 1 },
      { latencyMs: 300, connections: 512 },
    ]);
  });

  it('judges every goal also in a hurry', () => {
    const cases = parseOptions(['--quick'])?.cases ?? [];
    expect(cases.map(({ latencyMs, connections }) => `${latencyMs}/${connections}`)).toEqual([
      '0/16',
      '0/64',
      '30/16',
      '30/64',
    ]);
  });

  it('adds no other setting unasked, and all of them with one word', () => {
    const none = { processes: undefined, auditRows: undefined, sessions: undefined };
    expect(parseOptions([])?.scale).toMatchObject(none);
    expect(parseOptions(['--scale', '--sessions', '500'])?.scale).toEqual({
      processes: 2,
      auditRows: 10_000_000,
      sessions: 500,
      manyProjects: 10_000,
      hotPercent: 90,
    });
  });

  it('refuses what cannot be, in words', () => {
    for (const bad of [
      ['--connections', '0'],
      ['--connections', '16,16'],
      ['--projects', '10001'],
      ['--processes', '1'],
      ['--hot', '100'],
      ['--name', '../x'],
      ['--quick', '--latency', '30'],
      ['--peer', 'service-2=http://127.0.0.1:1/'],
      ['--unknown'],
    ]) {
      expect(() => parseOptions(bad)).toThrow(UsageError);
    }
  });
});
