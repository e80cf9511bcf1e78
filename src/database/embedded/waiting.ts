import { setTimeout as delay } from 'node:timers/promises';

export type Wait = { timeoutMs: number; intervalMs: number };

/** Asks until the answer is defined; undefined once the deadline has passed. */
export async function waitFor<T>(ask: () => Promise<T | undefined>, wait: Wait): Promise<T | undefined> {
  const deadline = performance.now() + wait.timeoutMs;
  let answer = await ask();
  while (answer === undefined && performance.now() < deadline) {
    await delay(wait.intervalMs);
    answer = await ask();
  }
  return answer;
}
