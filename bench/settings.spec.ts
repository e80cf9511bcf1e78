import { parseOptions } from './options.ts';
import { settingsOf } from './settings.ts';

function settings(...args: string[]) {
  const options = parseOptions(args);
  if (options === undefined) throw new Error('that is a plea for help');
  return settingsOf(options);
}

describe('settingsOf', () => {
  it('is one forwarder and one service, unless more is asked for', () => {
    expect(settings().map(({ name }) => name)).toEqual(['forwarder', 'service']);
  });

  it('compares several processes with one, of the service and of the forwarder', () => {
    expect(settings('--processes', '3').map(({ name, processes }) => [name, processes])).toEqual([
      ['forwarder', 1],
      ['service', 1],
      ['forwarder-processes', 3],
      ['service-processes', 3],
    ]);
  });

  it('has a forwarder that commits twice, if it is asked for', () => {
    expect(settings('--two-commits').map(({ of, environment }) => [of, environment])).toEqual([
      ['forwarder', undefined],
      ['service', undefined],
      ['forwarder', { FORWARDER_COMMITS: '2' }],
    ]);
  });

  it('fills one database with all that is to be in it', () => {
    const filled = settings('--audit-rows', '1000', '--sessions', '10').slice(2);
    expect(filled).toEqual([
      expect.objectContaining({ name: 'service-filled', filling: { auditRows: 1000, sessions: 10 } }),
    ]);
  });

  it('changes one thing at a time', () => {
    const [, service, ...others] = settings('--scale', '--projects', '5', '--processes', '4');
    const changes = others.map((other) =>
      Object.entries(other)
        .filter(([key, value]) => service?.[key as keyof typeof service] !== value)
        .map(([key]) => key)
        .filter((key) => !['of', 'name', 'label'].includes(key)),
    );
    expect(changes).toEqual([['processes'], ['processes'], ['filling'], ['projects'], ['hotPercent']]);
    expect(others.map(({ processes }) => processes)).toEqual([4, 4, 1, 1, 1]);
  });
});
