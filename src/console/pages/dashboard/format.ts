const SECOND_MS = 1_000;
const UNITS: readonly [string, number][] = [
  ['d', 86_400 * SECOND_MS],
  ['h', 3_600 * SECOND_MS],
  ['min', 60 * SECOND_MS],
];

const whole = new Intl.NumberFormat('en');
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const clockTime = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const dayAndTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** Of a number and its unit, which stay on one line. */
const JOIN = '\u00a0';

export function count(n: number): string {
  return whole.format(n);
}

/** So many of a thing, which has a plain plural. */
export function counted(n: number, thing: string): string {
  return `${count(n)} ${n === 1 ? thing : `${thing}s`}`;
}

/** A share as per cent; a dash where there is none. */
export function percent(share: number | null | undefined): string {
  return share === null || share === undefined ? '–' : `${tenths.format(share * 100)}${JOIN}%`;
}

export function milliseconds(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return '–';
  return ms < 1_000 ? `${tenths.format(ms)}${JOIN}ms` : `${tenths.format(ms / 1_000)}${JOIN}s`;
}

/** How long ago one time was at another: the largest unit that fits. */
export function age(since: string, now: string): string {
  const passed = Math.max(Date.parse(now) - Date.parse(since), 0);
  const [unit, length] = UNITS.find(([, each]) => passed >= each) ?? ['s', SECOND_MS];
  return `${Math.floor(passed / length)}${JOIN}${unit}`;
}

export function time(text: string): string {
  return clockTime.format(new Date(text));
}

export function dateTime(text: string): string {
  return dayAndTime.format(new Date(text));
}

/** What of a fingerprint is enough to tell two apart at a glance. */
export function shortFingerprint(fingerprint: string): string {
  return `${fingerprint.slice(0, 15)}…`;
}
