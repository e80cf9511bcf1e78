import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const START = fileURLToPath(new URL('../../../scripts/start.ts', import.meta.url));
const START_TIMEOUT_MS = 60_000;

/** What `npm start` starts, with a folder of its own. */
export interface Demo extends AsyncDisposable {
  url: string;
  simulatorUrl: string;
  /** As it was printed: of this demo alone. */
  adminKey: string;
  /** VESTIBULE_DIR. */
  directory: string;
}

/** A new one, which root's PostgreSQL can pass through: else its data would be elsewhere, and stay. */
export function enterableFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  chmodSync(folder, 0o711);
  return folder;
}

/** @param options.directory instead of one that is made, and removed at the end. */
export async function startDemo(options: { directory?: string } = {}): Promise<Demo> {
  const directory = options.directory ?? enterableFolder('vestibule-demo-');
  const demo = spawn(process.execPath, [START], {
    env: {
      PATH: process.env['PATH'],
      VESTIBULE_DIR: directory,
      PORT: '0',
      OPS_PORT: '0',
      LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(demo, 'exit');
  const stop = async (): Promise<void> => {
    demo.kill('SIGTERM');
    await exited;
    rmSync(directory, { recursive: true, force: true });
  };
  const timer = setTimeout(() => demo.kill('SIGKILL'), START_TIMEOUT_MS);
  let printed = '';
  for await (const line of createInterface({ input: demo.stdout })) {
    printed += `${line}\n`;
    const said = (name: string, value: string): string | undefined =>
      new RegExp(`^ +${name} +${value}`, 'm').exec(printed)?.[1];
    const url = said('Vestibule', '(http:\\S+)');
    const simulatorUrl = said('Provider', 'SIMULATOR at ([^\\s:]+:[^\\s:]+:\\d+/v1)');
    const adminKey = said('Admin key', '(\\S+)');
    if (url === undefined || simulatorUrl === undefined || adminKey === undefined) continue;
    clearTimeout(timer);
    // What it goes on to say has to be read by somebody.
    demo.stdout.resume();
    return { url, simulatorUrl, adminKey, directory, [Symbol.asyncDispose]: stop };
  }
  clearTimeout(timer);
  await stop();
  throw new Error('the demo does not start');
}
