import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { DEMO_PROJECT_FILE } from './demo-project.ts';

const MAIN = fileURLToPath(new URL('../../test/simulator/main.ts', import.meta.url));
const ASK_TIMEOUT_MS = 1_000;

export interface SimulatorProcess {
  url: string;
  stop(): Promise<void>;
}

/** Uses the simulator that the demo project already names, if it answers; else starts one at the same port if free. */
export async function startSimulatorProcess(directory: string): Promise<SimulatorProcess> {
  const known = knownUrl(directory);
  if (known !== undefined && (await answers(known)))
    return { url: known, stop: async () => Promise.resolve() };
  const port = known === undefined ? '0' : new URL(known).port;
  return (await start(port)) ?? (await start('0')) ?? fail();
}

function fail(): never {
  throw new Error('the provider simulator does not start');
}

function knownUrl(directory: string): string | undefined {
  try {
    return /baseUrl: (http:\/\/127\.0\.0\.1:\d+\/v1)$/m.exec(
      readFileSync(join(directory, DEMO_PROJECT_FILE), 'utf8'),
    )?.[1];
  } catch {
    return undefined;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const seen = new URL('/__simulator/seen?log=0', url);
    return (await fetch(seen, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) })).ok;
  } catch {
    return false;
  }
}

/** In a process group of its own, so that Ctrl-C does not end it under a request that is still being answered. */
async function start(port: string): Promise<SimulatorProcess | undefined> {
  const child = spawn(process.execPath, [MAIN], {
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { PATH: process.env['PATH'], SIMULATOR_PORT: port, SIMULATOR_EXIT_WITH_PARENT: '1' },
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const line = await Promise.race([once(lines, 'line'), exited.then(() => undefined)]);
  if (line === undefined) return undefined;
  const { url } = JSON.parse(String(line[0])) as { url: string };
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
