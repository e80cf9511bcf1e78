import { setTimeout as delay } from 'node:timers/promises';

/** Asks until the answer is defined, once at least; undefined once the signal is aborted. */
export async function waitFor<T>(
  ask: () => Promise<T | undefined>,
  until: AbortSignal,
  intervalMs: number,
): Promise<T | undefined> {
  let answer = await ask();
  while (answer === undefined && !until.aborted) {
    await delay(intervalMs);
    answer = await ask();
  }
  return answer;
}
