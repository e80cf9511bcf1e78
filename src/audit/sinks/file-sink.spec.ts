import { pino } from 'pino';
import { FakeClock } from '../../../test/support/fake-clock.ts';
import { until } from '../../../test/support/until.ts';
import { FileSink } from './file-sink.ts';
import type { Lines } from './line-file.ts';

interface Call {
  /** Undefined for a look at the file. */
  text: string | undefined;
  succeed: () => void;
  fail: (code: string) => void;
}

/** A disk that answers when a test says so. */
class SlowDisk implements Lines {
  readonly calls: Call[] = [];
  append = (text: string): Promise<void> => this.#call(text);
  probe = (): Promise<void> => this.#call(undefined);
  close = (): Promise<void> => Promise.resolve();

  #call(text: string | undefined): Promise<void> {
    return new Promise((succeed, reject) => {
      this.calls.push({
        text,
        succeed,
        fail: (code) => {
          reject(Object.assign(new Error(code), { code }));
        },
      });
    });
  }
}

describe('FileSink', () => {
  let disk: SlowDisk;
  let sink: FileSink;
  let counted: { written: number; failed: number; dropped: number };

  const open = async (required: boolean): Promise<void> => {
    disk = new SlowDisk();
    counted = { written: 0, failed: 0, dropped: 0 };
    sink = new FileSink(disk, {
      required,
      clock: new FakeClock(),
      logger: pino({ level: 'silent' }),
      observer: {
        onWritten: () => (counted.written += 1),
        onFailed: () => (counted.failed += 1),
        onDropped: (lines) => (counted.dropped += lines),
      },
    });
    sink.start();
    disk.calls[0]?.succeed();
    await settled();
  };
  afterEach(async () => {
    for (const { succeed } of disk.calls) succeed();
    const stopped = sink.stop();
    const last = disk.calls.at(-1);
    await settled();
    if (disk.calls.at(-1) !== last) disk.calls.at(-1)?.succeed();
    await stopped;
  });

  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const outcome = (written: Promise<void>): Promise<string> =>
    written.then(
      () => 'written',
      (error: unknown) => (error as { code: string }).code,
    );

  it('has all that waits share one write, in order, and tells each when it is done', async () => {
    await open(true);
    const writes = ['1', '2', '3'].map((line) => outcome(sink.write([line])));
    expect(disk.calls.slice(1).map(({ text }) => text)).toEqual(['1\n']);
    disk.calls[1]?.succeed();
    await settled();
    expect(disk.calls.slice(2).map(({ text }) => text)).toEqual(['2\n3\n']);
    disk.calls[2]?.succeed();
    expect(await Promise.all(writes)).toEqual(['written', 'written', 'written']);
    expect(counted).toEqual({ written: 2, failed: 0, dropped: 0 });
  });

  it('refuses what waits when a write fails, and what comes after, and writes all of it once it can', async () => {
    await open(true);
    const writes = ['1', '2'].map((line) => outcome(sink.write([line])));
    disk.calls[1]?.fail('ENOSPC');
    expect(await Promise.all(writes)).toEqual(['unavailable', 'unavailable']);
    expect(sink.problem()).toBe('the audit file cannot be written: ENOSPC');
    expect(() => {
      sink.assertUsable();
    }).toThrow(/cannot be kept/);
    expect(await outcome(sink.write(['3']))).toBe('unavailable');
    await until('it tries again', () => disk.calls.length === 3);
    expect(disk.calls[2]?.text).toBe('1\n2\n3\n');
    disk.calls[2]?.succeed();
    await settled();
    expect(sink.problem()).toBeUndefined();
  });

  it('lets nobody wait for a disk that hangs for over 5 s, and has one call to it under way', async () => {
    await open(true);
    const started = performance.now();
    const first = outcome(sink.write(['1']));
    expect(await first).toBe('unavailable');
    expect(performance.now() - started).toBeLessThan(5_000);
    expect([sink.problem(), sink.hangs()]).toEqual(['the audit file hangs', true]);
    expect(await outcome(sink.write(['2']))).toBe('unavailable');
    expect(disk.calls).toHaveLength(2);
    disk.calls[1]?.succeed();
    await settled();
    expect([sink.problem(), sink.hangs()]).toEqual([undefined, false]);
    // what the disk took in the end is not written again
    expect(disk.calls[2]?.text).toBe('2\n');
  });

  it('notices a disk that hangs without anything to write', async () => {
    await open(true);
    await until('it looks', () => disk.calls.length === 2);
    expect(disk.calls[1]?.text).toBeUndefined();
    await until('it notices', () => sink.problem() === 'the audit file hangs', 5_000);
  });

  it('keeps nobody waiting where it is not required, whatever the disk does', async () => {
    await open(false);
    expect(await outcome(sink.write(['1']))).toBe('written');
    disk.calls[1]?.fail('EIO');
    await settled();
    expect([sink.usable, sink.problem()]).toEqual([false, undefined]);
    expect(await outcome(sink.write(['2']))).toBe('written');
    expect(counted.failed).toBe(1);
  });

  it.each([true, false])('keeps no more than 16 MiB waiting, required: %s', async (required) => {
    await open(required);
    const line = 'x'.repeat(1024 * 1024);
    const writes = Array.from({ length: 20 }, () => outcome(sink.write([line])));
    const refused = required ? 'unavailable' : 'written';
    expect(await Promise.all(writes.slice(15))).toEqual(Array<string>(5).fill(refused));
    expect(counted.dropped).toBe(5);
  });
});
