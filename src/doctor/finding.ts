export type Status = 'ok' | 'warning' | 'error' | 'skipped';

/** What a check found. Message and fix name files, fields, roles and addresses, and never hold a secret. */
export interface Found {
  status: Status;
  message: string;
  /** What to do about it; absent when there is nothing to do. */
  fix?: string;
}

export interface Finding extends Found {
  /** The check that found it. */
  check: string;
}

/** Of findings that are alike, this many are told apart. */
export const MAX_ALIKE = 20;

export function ok(message: string): Found {
  return { status: 'ok', message };
}

/** Something works, but not as it should, or not for long. */
export function warning(message: string, fix: string): Found {
  return { status: 'warning', message, fix };
}

/** Something does not work, or must not be left so. */
export function failure(message: string, fix: string): Found {
  return { status: 'error', message, fix };
}

/** One finding an item, and one for all that are too many. */
export function findingEach<T>(items: readonly T[], tell: (item: T) => Found): Found[] {
  const told = items.slice(0, MAX_ALIKE).map(tell);
  const last = told.at(-1);
  const untold = items.length - told.length;
  return last === undefined || untold === 0
    ? told
    : [...told, { ...last, message: `and ${untold} more like it` }];
}

/** Thrown by a check that cannot be done because of what another check tells. */
export class Skipped extends Error {}
