import { reasonOf } from './describe.ts';
import { failure, type Finding, type Found, Skipped } from './finding.ts';

const TIMEOUT_MS = 10_000;

export interface Check {
  name: string;
  /** Milliseconds; 10 s when absent. */
  timeoutMs?: number;
  /** Whatever it waits for ends by a time-out of its own: nobody stops a check that is given up. */
  run: () => Promise<Found[]>;
}

/** Runs all checks at once; each ends in time and on its own. The findings are in the order of the checks. */
export async function runChecks(checks: readonly Check[]): Promise<Finding[]> {
  return (await Promise.all(checks.map(runCheck))).flat();
}

async function runCheck({ name, timeoutMs = TIMEOUT_MS, run }: Check): Promise<Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const overdue = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`it took longer than ${timeoutMs / 1000} s`));
    }, timeoutMs);
  });
  try {
    const found = await Promise.race([run(), overdue]);
    return found.map((one) => ({ check: name, ...one }));
  } catch (error) {
    if (error instanceof Skipped) return [{ check: name, status: 'skipped', message: error.message }];
    const fix = 'run doctor again; if it stays, this reason is where to look';
    return [{ check: name, ...failure(`could not be checked: ${reasonOf(error)}`, fix) }];
  } finally {
    clearTimeout(timer);
  }
}
