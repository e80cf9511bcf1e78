import { Backoff } from './backoff.ts';

describe('a back-off', () => {
  it('waits no longer once it is called off, nor any more', async () => {
    const stopping = new AbortController();
    const backoff = new Backoff({ firstMs: 3_600_000, mostMs: 3_600_000 }, stopping.signal);
    const waiting = backoff.wait();
    stopping.abort();
    await waiting;
    await backoff.wait();
  });
});
