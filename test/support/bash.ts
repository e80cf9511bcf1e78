import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface BashOptions {
  folder: string;
  /** All of it. */
  environment: NodeJS.ProcessEnv;
  timeoutMs: number;
  /** What ends all that is under way after the time-out. */
  signal: NodeJS.Signals;
}

/** Runs a script, and all that it starts, in a group that ends as a whole: bash alone would leave behind what it waits for. */
export async function runBash(
  script: string,
  { folder, environment, timeoutMs, signal }: BashOptions,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn('bash', ['-c', script], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const timer = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid, signal);
  }, timeoutMs);
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, ...output };
  } finally {
    clearTimeout(timer);
  }
}
