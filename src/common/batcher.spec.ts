import { Batcher } from './batcher.ts';

interface Run {
  items: number[];
  answer: (answers: string[]) => void;
  fail: (error: Error) => void;
}

function recorded(options = { maxBatch: 10, maxUnanswered: 100 }): {
  batcher: Batcher<number, string>;
  runs: Run[];
} {
  const runs: Run[] = [];
  const batcher = new Batcher<number, string>(
    (items) => new Promise((answer, fail) => runs.push({ items, answer, fail })),
    options,
  );
  return { batcher, runs };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Batcher', () => {
  it('sends a lone submission at once', () => {
    const { batcher, runs } = recorded();
    void batcher.submit(1);
    expect(runs.map(({ items }) => items)).toEqual([[1]]);
  });

  it('groups what waits while a batch is under way, and answers each in its order', async () => {
    const { batcher, runs } = recorded();
    const answers = [1, 2, 3].map((item) => batcher.submit(item));
    runs[0]?.answer(['one']);
    await settled();
    runs[1]?.answer(['two', 'three']);
    expect(await Promise.all(answers)).toEqual(['one', 'two', 'three']);
    expect(runs.map(({ items }) => items)).toEqual([[1], [2, 3]]);
  });

  it('keeps batches within their bound', async () => {
    const { batcher, runs } = recorded({ maxBatch: 2, maxUnanswered: 100 });
    for (const item of [1, 2, 3, 4]) void batcher.submit(item);
    runs[0]?.answer(['']);
    await settled();
    expect(runs[1]?.items).toEqual([2, 3]);
  });

  it('fails a batch and all who wait behind it, and works again afterwards', async () => {
    const { batcher, runs } = recorded();
    const failing = [1, 2].map((item) => batcher.submit(item));
    runs[0]?.fail(new Error('away'));
    await expect(
      Promise.all(failing.map((each) => each.catch((error: unknown) => (error as Error).message))),
    ).resolves.toEqual(['away', 'away']);
    const next = batcher.submit(3);
    runs[1]?.answer(['three']);
    expect(await next).toBe('three');
  });

  it('refuses at once with a 503 what is beyond its bound', async () => {
    const { batcher } = recorded({ maxBatch: 1, maxUnanswered: 2 });
    void batcher.submit(1);
    void batcher.submit(2);
    await expect(batcher.submit(3)).rejects.toMatchObject({ code: 'unavailable', status: 503 });
  });
});
