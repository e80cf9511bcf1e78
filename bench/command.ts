/** What the commands of the bench have in common: each ends what it started, also when it is interrupted or hangs. */
import { UsageError } from './arguments.ts';

export const GOAL_MISSED = 1;
const NOT_RUN = 2;
const INTERRUPTED = 130;

export interface Run {
  /** Aborted with the reason for which everything has to stop. */
  stopping: AbortController;
  /** Gets what has to be stopped. */
  resources: AsyncDisposableStack;
}

class Interrupted extends Error {
  constructor() {
    super('interrupted: stopping everything');
  }
}

/** Runs one command, which returns its exit code. */
export async function runCommand(usage: string, command: (run: Run) => Promise<number>): Promise<void> {
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    // Also those that follow: Ctrl-C reaches us from the terminal and from npm.
    process.on(name, () => {
      stopping.abort(new Interrupted());
    });
  }
  try {
    await using resources = new AsyncDisposableStack();
    process.exitCode = await command({ stopping, resources });
  } catch (error) {
    const reason: unknown = stopping.signal.aborted ? stopping.signal.reason : error;
    process.stderr.write(`${reason instanceof Error ? reason.message : String(reason)}\n`);
    if (reason instanceof UsageError) process.stderr.write(`\n${usage}`);
    process.exitCode = reason instanceof Interrupted ? INTERRUPTED : NOT_RUN;
  }
}

/** Stops everything when it has not ended by then. */
export function endWithin(seconds: number, { stopping, resources }: Run): void {
  const deadline = setTimeout(() => {
    stopping.abort(new Error(`has not ended within ${seconds} s: stopping everything`));
  }, seconds * 1000);
  resources.defer(() => {
    clearTimeout(deadline);
  });
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
