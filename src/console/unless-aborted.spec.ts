import { setImmediate } from 'node:timers/promises';
import { unlessAborted } from './pages/support/unless-aborted.ts';

function waiting() {
  const coming = Promise.withResolvers<string>();
  const end = new AbortController();
  const closed: string[] = [];
  const close = (late: string): void => {
    closed.push(late);
  };
  return { coming, end, closed, come: () => unlessAborted(coming.promise, end.signal, close) };
}

describe('what comes unless it is aborted', () => {
  it('comes, and is not closed when it is aborted later', async () => {
    const { coming, end, closed, come } = waiting();
    const result = come();
    coming.resolve('it');
    expect(await result).toBe('it');
    end.abort();
    await setImmediate();
    expect(closed).toEqual([]);
  });

  it('fails as it failed', async () => {
    const { coming, come } = waiting();
    const result = come();
    coming.reject(new Error('no'));
    await expect(result).rejects.toThrow('no');
  });

  it('is not waited for any more, and closed when it comes all the same', async () => {
    const { coming, end, closed, come } = waiting();
    const result = come();
    end.abort();
    await expect(result).rejects.toBe(end.signal.reason);
    coming.resolve('late');
    await setImmediate();
    expect(closed).toEqual(['late']);
  });

  it('is not waited for when it was aborted before', async () => {
    const { coming, end, closed, come } = waiting();
    end.abort();
    await expect(come()).rejects.toBe(end.signal.reason);
    coming.resolve('late');
    await setImmediate();
    expect(closed).toEqual(['late']);
  });
});
