import { SessionRounds } from './session-rounds.ts';

interface Recorded {
  reserving: string[];
  activating: string[];
  end: (error?: Error) => void;
}

function recorded(): { rounds: SessionRounds<string, string, string>; runs: Recorded[] } {
  const runs: Recorded[] = [];
  const rounds = new SessionRounds<string, string, string>(
    (reserving, activating) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error): void => {
          if (error !== undefined) reject(error);
          else
            resolve({ reserved: reserving.map((one) => `${one}!`), activated: activating.map(() => true) });
        };
        runs.push({ reserving, activating, end });
      }),
    ({ message }) => message === 'refused',
  );
  return { rounds, runs };
}

const here = new AbortController().signal;
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('SessionRounds', () => {
  it('sends a lone one at once, and what comes meanwhile together in the next round', async () => {
    const { rounds, runs } = recorded();
    const first = rounds.reserve('a', here);
    expect(runs.map(({ reserving }) => reserving)).toEqual([['a']]);
    const others = [rounds.reserve('b', here), rounds.reserve('c', here), rounds.activate('x')];
    runs[0]?.end();
    expect(await first).toBe('a!');
    await settled();
    expect(runs[1]).toMatchObject({ reserving: ['b', 'c'], activating: ['x'] });
    runs[1]?.end();
    expect(await Promise.all(others)).toEqual(['b!', 'c!', true]);
  });

  it('sends the next round before it tells the last', async () => {
    const { rounds, runs } = recorded();
    const sent: number[] = [];
    const tellsHowMany = (): void => void sent.push(runs.length);
    const first = rounds.reserve('a', here).then(tellsHowMany);
    const second = rounds.activate('x').then(tellsHowMany);
    runs[0]?.end();
    await first;
    runs[1]?.end();
    await second;
    expect(sent).toEqual([2, 2]);
  });

  it('fails all who wait with a round, of both kinds, and works again afterwards', async () => {
    const { rounds, runs } = recorded();
    const failing = [rounds.reserve('a', here), rounds.activate('x'), rounds.reserve('b', here)];
    runs[0]?.end(new Error('away'));
    for (const one of failing) await expect(one).rejects.toThrow('away');
    await settled();
    const next = rounds.activate('y');
    runs.at(-1)?.end();
    expect(await next).toBe(true);
  });

  it('sends activations again alone when the server refuses what they were sent with', async () => {
    const { rounds, runs } = recorded();
    void rounds.reserve('a', here);
    const [reserved, activated] = [rounds.reserve('b', here), rounds.activate('x')];
    runs[0]?.end();
    await settled();
    runs[1]?.end(new Error('refused'));
    await expect(reserved).rejects.toThrow('refused');
    expect(runs[2]).toMatchObject({ reserving: [], activating: ['x'] });
    runs[2]?.end();
    expect(await activated).toBe(true);
  });

  it('sends nothing for who is gone', async () => {
    const { rounds, runs } = recorded();
    void rounds.reserve('a', here);
    const gone = rounds.reserve('b', AbortSignal.abort());
    runs[0]?.end();
    await expect(gone).rejects.toMatchObject({ code: 'unavailable' });
    await settled();
    expect(runs).toHaveLength(1);
    void rounds.reserve('c', here);
    expect(runs[1]?.reserving).toEqual(['c']);
  });
});
