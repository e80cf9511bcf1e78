import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const TIMEOUT_MS = 10_000;
const EXIT_CODE = 78;

/** Fills a pipe that nobody reads, which blocks the thread that writes. */
const hanging = (pipe: string): string => `
  import { constants, openSync, write } from 'node:fs';
  import { endAtOnce } from ${JSON.stringify(new URL('./end-at-once.ts', import.meta.url).href)};
  write(openSync(${JSON.stringify(pipe)}, constants.O_RDWR), Buffer.alloc(1 << 20), () => undefined);
  setImmediate(() => endAtOnce(${EXIT_CODE}));
`;

it('ends a process of which a thread hangs, and not by a signal, to which process 1 of a container is deaf', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-hanging-'));
  try {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const child = spawn(process.execPath, ['--input-type=module', '-e', hanging(pipe)], {
      stdio: ['ignore', 'ignore', 'inherit'],
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    expect(await once(child, 'exit')).toEqual([EXIT_CODE, null]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
