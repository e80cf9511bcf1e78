import { until } from '../../test/support/until.ts';
import { SystemClock } from '../common/clock.ts';
import { TryAgain, WorkQueue, type WorkQueueOptions } from './work-queue.ts';

interface Run {
  key: string;
  startedAt: number;
  done: () => void;
  fail: (error: Error) => void;
}

interface Recorded {
  queue: WorkQueue;
  /** Work that was begun, in order; each waits for the test to end it. */
  runs: Run[];
  /** What the observer was told. */
  told: { added: number; retried: number; done: number; failed: string[]; depths: number[] };
}

/** A back-off that no test waits for, unless it is about that. */
const NEVER_MS = 3_600_000;
const clock = new SystemClock();
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function recorded(options: Partial<WorkQueueOptions> = {}): Recorded {
  const runs: Run[] = [];
  const told: Recorded['told'] = { added: 0, retried: 0, done: 0, failed: [], depths: [] };
  const queue = new WorkQueue(
    (key) => new Promise((done, fail) => runs.push({ key, startedAt: clock.monotonic(), done, fail })),
    { workers: 2, firstBackoffMs: NEVER_MS, mostBackoffMs: NEVER_MS, ...options },
    {
      onAdded: () => (told.added += 1),
      onRetried: () => (told.retried += 1),
      onDone: () => (told.done += 1),
      onDepth: (keys) => told.depths.push(keys),
      onFailed: (key) => told.failed.push(key),
    },
    clock,
  );
  return { queue, runs, told };
}

const keysOf = (runs: Run[]): string[] => runs.map(({ key }) => key);
const runNumber = (runs: Run[], number: number): Promise<Run> =>
  until(`run ${number} begins`, () => runs[number]);

/** Has the first so many runs fail, each as soon as it begins. */
async function failTimes(runs: Run[], times: number, reason = () => new Error('in vain')): Promise<void> {
  for (let number = 0; number < times; number += 1) (await runNumber(runs, number)).fail(reason());
}

describe('a work queue', () => {
  it('has as many workers as it may, and takes what waits in its order', async () => {
    const { queue, runs } = recorded({ workers: 2 });
    for (const key of ['a', 'b', 'c', 'd']) queue.add(key);
    expect(keysOf(runs)).toEqual(['a', 'b']);
    runs[1]!.done();
    await settled();
    expect(keysOf(runs)).toEqual(['a', 'b', 'c']);
    runs[0]!.done();
    await settled();
    expect(keysOf(runs)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('has a key wait once, however often it is added', async () => {
    const { queue, runs, told } = recorded({ workers: 1 });
    for (const key of ['a', 'b', 'b', 'b', 'c']) queue.add(key);
    for (let number = 0; number < 3; number += 1) {
      runs[number]!.done();
      await settled();
    }
    expect(keysOf(runs)).toEqual(['a', 'b', 'c']);
    expect(told).toMatchObject({ added: 3, done: 3 });
  });

  it('works once more, and with one worker at a time, on what is added meanwhile', async () => {
    const { queue, runs, told } = recorded({ workers: 2 });
    queue.add('a');
    queue.add('a');
    queue.add('a');
    await settled();
    expect(keysOf(runs)).toEqual(['a']);
    runs[0]!.done();
    await settled();
    expect(keysOf(runs)).toEqual(['a', 'a']);
    runs[1]!.done();
    await settled();
    expect(keysOf(runs)).toEqual(['a', 'a']);
    expect(told.added).toBe(2);
  });

  it('works once more on what is added while its work fails, without a wait', async () => {
    const { queue, runs } = recorded();
    queue.add('a');
    queue.add('a');
    runs[0]!.fail(new Error('in vain'));
    await settled();
    expect(keysOf(runs)).toEqual(['a', 'a']);
  });

  it('lets one key that fails hold up no other', async () => {
    const { queue, runs, told } = recorded({ workers: 1 });
    queue.add('a');
    queue.add('b');
    runs[0]!.fail(new Error('in vain'));
    await settled();
    expect(keysOf(runs)).toEqual(['a', 'b']);
    expect(told).toMatchObject({ failed: ['a'], retried: 1, done: 1 });
  });

  it('waits twice as long after each further failure', async () => {
    const { queue, runs } = recorded({ firstBackoffMs: 40 });
    queue.add('a');
    await failTimes(runs, 3);
    await runNumber(runs, 3);
    const pauses = runs.slice(1).map(({ startedAt }, index) => startedAt - runs[index]!.startedAt);
    // A timer may ring up to a millisecond early.
    expect(pauses.map((pause, index) => pause >= 40 * 2 ** index - 2)).toEqual([true, true, true]);
  });

  it('lets the failures of one key not lengthen the wait of another', async () => {
    const { queue, runs } = recorded({ firstBackoffMs: 1 });
    queue.add('a');
    await failTimes(runs, 8);
    (await runNumber(runs, 8)).fail(new Error('in vain'));
    queue.add('b');
    (await runNumber(runs, 9)).fail(new Error('in vain'));
    await runNumber(runs, 10);
    expect(keysOf(runs).slice(8)).toEqual(['a', 'b', 'b']);
  });

  it('waits no longer than its bound', async () => {
    const { queue, runs } = recorded({ firstBackoffMs: 1, mostBackoffMs: 5 });
    queue.add('a');
    await failTimes(runs, 11);
    // Without the bound it would wait for a second by now.
    queue.addAfter('later', 500);
    (await runNumber(runs, 11)).fail(new Error('in vain'));
    expect((await runNumber(runs, 12)).key).toBe('a');
  });

  it('begins with the shortest wait again after a success', async () => {
    const { queue, runs } = recorded({ firstBackoffMs: 1 });
    queue.add('a');
    await failTimes(runs, 8);
    (await runNumber(runs, 8)).done();
    await settled();
    queue.add('a');
    // Without the success it would wait for a quarter of a second by now.
    queue.addAfter('later', 100);
    (await runNumber(runs, 9)).fail(new Error('in vain'));
    expect((await runNumber(runs, 10)).key).toBe('a');
  });

  it('does what has to be done again when that asks for it, and counts no failure', async () => {
    const { queue, runs, told } = recorded({ firstBackoffMs: NEVER_MS });
    queue.add('a');
    await failTimes(runs, 3, () => new TryAgain(1));
    await runNumber(runs, 3);
    expect(told).toMatchObject({ failed: [], retried: 3 });
  });

  it('lets doing it again not lengthen the wait after a failure', async () => {
    const { queue, runs } = recorded({ firstBackoffMs: 1 });
    queue.add('a');
    await failTimes(runs, 8, () => new TryAgain(1));
    queue.addAfter('later', 100);
    (await runNumber(runs, 8)).fail(new Error('in vain'));
    expect((await runNumber(runs, 9)).key).toBe('a');
  });

  it.each([
    ['first', 1, NEVER_MS],
    ['last', NEVER_MS, 1],
  ])('adds at the sooner of two times, which was said %s', async (_which, one, two) => {
    const { queue, runs } = recorded();
    queue.addAfter('a', one);
    queue.addAfter('a', two);
    expect(runs).toEqual([]);
    await runNumber(runs, 0);
  });

  it('finishes what was begun when it stops, and takes nothing more', async () => {
    const { queue, runs } = recorded({ workers: 1, firstBackoffMs: 1 });
    for (const key of ['a', 'a', 'b']) queue.add(key);
    queue.addAfter('c', 1);
    let stopped = false;
    const stopping = queue.stop().then(() => (stopped = true));
    queue.add('d');
    queue.addAfter('e', 1);
    await settled();
    expect(stopped).toBe(false);
    runs[0]!.fail(new Error('in vain'));
    await stopping;
    const other = recorded();
    other.queue.addAfter('of another queue', 5);
    await until('what was to be added after 1 ms would have been', () => other.runs[0]);
    expect(keysOf(runs)).toEqual(['a']);
  });

  it('tells how many keys wait', async () => {
    const { queue, runs, told } = recorded({ workers: 1 });
    for (const key of ['a', 'b', 'c']) queue.add(key);
    expect(told.depths.at(-1)).toBe(2);
    runs[0]!.done();
    await settled();
    expect(told.depths.at(-1)).toBe(1);
    void queue.stop();
    runs[1]!.done();
    await settled();
    expect(told.depths.at(-1)).toBe(0);
  });
});
