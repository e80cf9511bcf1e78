import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '../test/support/until.ts';
import type { Load, Order, Report, Target } from './load.ts';

const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
const SHOWN_LINES = 15;
const ENDED = 'the load generator has ended';

export interface ProcessOptions {
  name: string;
  /** From the root of the checkout, then its arguments. */
  command: string[];
  environment: Record<string, string>;
  /** Its output goes to a file here: a pipe would cost a reader's CPU. */
  directory: string;
  /** The URL in the line of output that says it is ready. */
  ready: (line: string) => string | undefined;
  /** Called when it ends without having been asked to. */
  onLost: (error: Error) => void;
}

export interface BenchProcess {
  url: string;
  pid: number;
  /** SIGTERM, then SIGKILL. */
  stop(): Promise<void>;
}

/** In a process group of its own, so that Ctrl-C ends it in our order. */
export async function startProcess(options: ProcessOptions): Promise<BenchProcess> {
  const { name, command, environment, directory, ready, onLost } = options;
  const [file = '', ...args] = command;
  const logFile = join(directory, `${name}.log`);
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(process.execPath, [inCheckout(file), ...args], {
    detached: true,
    // Those that watch their stdin end with us, even when we are killed.
    stdio: ['pipe', log, log],
    env: { PATH: process.env['PATH'], ...environment },
  });
  closeSync(log);
  const ending = endingOf(child);
  const lost = (): Error => new Error(`the ${name} ended: ${tail(logFile)}`);
  try {
    const url = await until(
      `the ${name} is ready`,
      () => {
        if (ending.over) throw lost();
        return linesOf(logFile).map(ready).find(isText);
      },
      READY_TIMEOUT_MS,
    );
    void ending.done.then(() => {
      if (!ending.asked) onLost(lost());
    });
    return { url, pid: child.pid ?? 0, stop: () => stop(child, ending) };
  } catch (error) {
    await stop(child, ending);
    throw error;
  }
}

/** The load generator. */
export class LoadGenerator {
  readonly #child: ChildProcess;
  readonly #ending: Ending;

  constructor() {
    this.#child = fork(inCheckout('bench/load.ts'), {
      detached: true,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#ending = endingOf(this.#child);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  async prepare(target: Target): Promise<void> {
    await this.#ask({ kind: 'prepare', target });
  }

  /** Keeps every connection busy for so long. */
  async run(seconds: number): Promise<Load> {
    const report = await this.#ask({ kind: 'go', seconds });
    if (report.kind !== 'done') throw new Error('the load generator did not do what it was told');
    return report.load;
  }

  async stop(): Promise<void> {
    await stop(this.#child, this.#ending);
  }

  /** Bounded by the timeouts of the load generator itself; fails when it ends first. */
  async #ask(order: Order): Promise<Report> {
    if (this.#ending.over) throw new Error(ENDED);
    const controller = new AbortController();
    try {
      const reported = once(this.#child, 'message', controller);
      // of no interest once the generator has ended
      reported.catch(() => undefined);
      this.#child.send(order);
      const ended = this.#ending.done.then(() => {
        throw new Error(ENDED);
      });
      const [report] = (await Promise.race([reported, ended])) as [Report];
      return report;
    } finally {
      controller.abort();
    }
  }
}

interface Ending {
  over: boolean;
  /** It is our doing. */
  asked: boolean;
  done: Promise<unknown>;
}

function endingOf(child: ChildProcess): Ending {
  const ending: Ending = { over: false, asked: false, done: Promise.resolve() };
  ending.done = new Promise<void>((resolve) => {
    child.once('exit', () => {
      resolve();
    });
    child.once('error', () => {
      resolve();
    });
  }).then(() => {
    ending.over = true;
  });
  return ending;
}

async function stop(child: ChildProcess, ending: Ending): Promise<void> {
  ending.asked = true;
  if (ending.over) return;
  const deadline = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  child.kill('SIGTERM');
  await ending.done;
  clearTimeout(deadline);
}

function inCheckout(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}

function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n');
}

function tail(file: string): string {
  return linesOf(file).slice(-SHOWN_LINES).join('\n');
}

function isText(value: string | undefined): value is string {
  return value !== undefined;
}
