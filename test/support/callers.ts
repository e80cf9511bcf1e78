import { until } from './until.ts';

/** One answer that one of several callers had. */
export interface Met {
  caller: number;
  status: number;
  /** When the answer was there, ms. */
  at: number;
}

/** Waits until each of `callers` has had such an answer since then; `answers` grows meanwhile. */
export async function everyCallerMet(
  answers: readonly Met[],
  callers: number,
  status: number,
  since = 0,
): Promise<void> {
  await until(
    `every caller is answered ${status}`,
    () => {
      const met = answers.filter((answer) => answer.status === status && answer.at >= since);
      return new Set(met.map(({ caller }) => caller)).size === callers;
    },
    20_000,
  );
}
