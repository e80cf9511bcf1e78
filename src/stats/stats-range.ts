import { invalidRequest } from '../common/app-error.ts';

const SECOND_MS = 1_000;
const DAY_MS = 24 * 60 * 60 * SECOND_MS;
const DEFAULT_RANGE_MS = 60 * 60 * SECOND_MS;
const MAX_RANGE_MS = 31 * DAY_MS;
export const MAX_STEPS = 300;
export const MAX_STEP_SECONDS = 86_400;
/** As many steps as the default may have: enough for a curve. */
const WANTED_STEPS = 120;
/** Seconds that people read as a round time; the last is wide enough for the longest range. */
const ROUND_STEPS = [10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200];

/** Whole steps, half-open: from <= time < to. Milliseconds since 1970. */
export interface StatsRange {
  from: number;
  to: number;
  stepMs: number;
}

export interface AskedRange {
  from: string | undefined;
  to: string | undefined;
  /** Seconds. */
  step: number | undefined;
}

/** The range that was asked for, widened to whole steps that begin at multiples of the step since 1970. */
export function statsRange(asked: AskedRange, now: number): StatsRange {
  const to = asked.to === undefined ? now : Date.parse(asked.to);
  const from = asked.from === undefined ? Math.max(to - DEFAULT_RANGE_MS, 0) : Date.parse(asked.from);
  if (from >= to) throw refusal('/from', 'must be before `to`, which is now when it is not given');
  if (to - from > MAX_RANGE_MS) throw refusal('/from', 'must not be more than 31 days before `to`');
  const stepMs = (asked.step ?? roundStep(to - from)) * SECOND_MS;
  if ((to - from) / stepMs > MAX_STEPS) {
    throw refusal('/step', `must make no more than ${MAX_STEPS} steps of the range`);
  }
  return { from: Math.floor(from / stepMs) * stepMs, to: Math.ceil(to / stepMs) * stepMs, stepMs };
}

/** When each step begins. */
export function stepsOf({ from, to, stepMs }: StatsRange): number[] {
  return Array.from({ length: (to - from) / stepMs }, (_, index) => from + index * stepMs);
}

function roundStep(rangeMs: number): number {
  return ROUND_STEPS.find((step) => rangeMs / (step * SECOND_MS) <= WANTED_STEPS) ?? MAX_STEP_SECONDS;
}

function refusal(path: string, message: string): Error {
  return invalidRequest([{ path, message }]);
}
