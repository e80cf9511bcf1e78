import { Gate } from './gate.ts';

describe('Gate', () => {
  let gate: Gate;
  let running: PromiseWithResolvers<string>[];

  beforeEach(() => {
    gate = new Gate({ maxAtOnce: 2, maxWaiting: 2 });
    running = [];
  });

  const work = (): Promise<string> =>
    gate.run(() => {
      const one = Promise.withResolvers<string>();
      running.push(one);
      return one.promise;
    });
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('runs so many at once, the others in order, and refuses what is too much', async () => {
    const asked = [work(), work(), work(), work()];
    await settled();
    expect(running.length).toBe(2);
    await expect(work()).rejects.toMatchObject({ code: 'unavailable' });
    for (let done = 0; done < asked.length; done += 1) {
      running[done]?.resolve(String(done));
      await settled();
    }
    expect(await Promise.all(asked)).toEqual(['0', '1', '2', '3']);
  });

  it('refuses what waits when some fails, and goes on', async () => {
    const asked = [work(), work(), work()].map((each) => each.catch((error: unknown) => error));
    await settled();
    const failure = new Error('away');
    running[0]?.reject(failure);
    expect([await asked[0], await asked[2]]).toEqual([failure, failure]);
    const next = work();
    running[1]?.resolve('done');
    await settled();
    running[2]?.resolve('next');
    expect([await asked[1], await next]).toEqual(['done', 'next']);
  });
});
