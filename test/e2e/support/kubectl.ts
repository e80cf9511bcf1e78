import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);
const TIMEOUT_MS = 300_000;
const FORWARD_TIMEOUT_MS = 30_000;

/** What kubectl prints, on the cluster of KUBECONFIG. */
export async function kubectl(...args: string[]): Promise<string> {
  return (await run('kubectl', args, { timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 })).stdout;
}

export interface Forward extends AsyncDisposable {
  url: string;
}

/** A port of this machine that leads to one of a Service's pods, until it is disposed of. */
export async function forward(namespace: string, target: string, port: number | string): Promise<Forward> {
  const process = spawn('kubectl', ['-n', namespace, 'port-forward', target, `:${port}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(process, 'exit');
  const stop = async (): Promise<void> => {
    process.kill();
    await exited;
  };
  const timer = setTimeout(() => process.kill(), FORWARD_TIMEOUT_MS);
  const lines = createInterface(process.stdout);
  for await (const line of lines) {
    const found = /^Forwarding from (127\.0\.0\.1:\d+)/.exec(line)?.[1];
    if (found === undefined) continue;
    clearTimeout(timer);
    // What it says of each connection has to be read by somebody.
    process.stdout.resume();
    return { url: `http://${found}`, [Symbol.asyncDispose]: stop };
  }
  clearTimeout(timer);
  await stop();
  throw new Error(`kubectl forwards no port of ${target}`);
}
