import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
/** Set by `npm run coverage`: where each process writes what of the program it ran. */
const COVERAGE = process.env['PROGRAM_COVERAGE_DIR'];

/** The built program as a process of its own, as an operator runs it. */
export interface ServiceProcess {
  url: string;
  opsUrl: string;
  pid: number;
  /** All lines of stdout and stderr so far. */
  output: string[];
  /** Resolves to the exit code, or null after a signal. */
  exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
}

export interface ProgramRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

function spawnProgram(args: string[], environment: Record<string, string>): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], {
    env: {
      PATH: process.env['PATH'],
      ...(COVERAGE !== undefined && { NODE_V8_COVERAGE: COVERAGE }),
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Runs a command of the program to its end. */
export async function runProgram(args: string[], environment: Record<string, string>): Promise<ProgramRun> {
  const child = spawnProgram(args, environment);
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => {
    const chunks: string[] = [];
    stream?.setEncoding('utf8').on('data', (chunk: string) => chunks.push(chunk));
    return chunks;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: (stdout ?? []).join(''), stderr: (stderr ?? []).join('') };
}

/** A program that was told to serve, from its first moment on. */
export interface LaunchedService {
  pid: number;
  /** All lines of stdout and stderr so far. */
  output: string[];
  exited: Promise<number | null>;
  /** Where it serves, once it does; rejects when it ends before, or takes too long. */
  serving: Promise<{ url: string; opsUrl: string }>;
  kill(signal: NodeJS.Signals): void;
}

export interface LaunchOptions {
  timeoutMs?: number;
  keptLines?: number;
  onLine?: (line: string) => void;
}

/** Starts `serve`, on free ports of loopback unless told otherwise. */
export function launchService(
  environment: Record<string, string>,
  { timeoutMs = 30_000, keptLines = Infinity, onLine }: LaunchOptions = {},
): LaunchedService {
  const child = spawnProgram(['serve'], { PORT: '0', OPS_PORT: '0', ...environment });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      if (output.push(line) > keptLines) output.shift();
      onLine?.(line);
    });
  }
  let ended = false;
  const exited = once(child, 'exit').then(([code]) => {
    ended = true;
    return code as number | null;
  });
  const serving = until(
    'the service serves',
    () => {
      if (ended) throw new Error(`the service ended: ${output.slice(-20).join('\n')}`);
      return servingLine(output);
    },
    timeoutMs,
  );
  return {
    pid: child.pid ?? 0,
    output,
    exited,
    serving: serving.then(({ url, ops }) => ({ url, opsUrl: ops })),
    kill: (signal) => {
      child.kill(signal);
    },
  };
}

/** Starts `serve` on free ports of loopback and waits until it answers. */
export async function startServiceProcess(environment: Record<string, string>): Promise<ServiceProcess> {
  const { serving, ...service } = launchService(environment);
  const { url, opsUrl } = await serving.catch((error: unknown) => {
    service.kill('SIGKILL');
    throw error;
  });
  return {
    ...service,
    url,
    opsUrl,
    stop: async () => {
      service.kill('SIGTERM');
      await service.exited;
    },
  };
}

function servingLine(output: string[]): { url: string; ops: string } | undefined {
  for (const line of output) {
    if (!line.includes('"msg":"serving"')) continue;
    return JSON.parse(line) as { url: string; ops: string };
  }
  return undefined;
}
