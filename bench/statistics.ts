/** Null and undefined: unknown. */
export type Maybe = number | null | undefined;

/** The nearest-rank percentile of values in ascending order; null when there are none. `share` is in (0, 1]. */
export function percentile(ascending: ArrayLike<number>, share: number): number | null {
  const rank = Math.max(1, Math.ceil(share * ascending.length));
  return ascending[rank - 1] ?? null;
}

/** The middle value, or the mean of the two in the middle; null when there are none, or one is unknown. */
export function median(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null).sort((one, other) => one - other);
  if (known.length === 0 || known.length !== values.length) return null;
  const middle = known.length / 2;
  const [low, high] = [known[Math.ceil(middle) - 1], known[Math.floor(middle)]];
  return low === undefined || high === undefined ? null : (low + high) / 2;
}

/** Null when either is unknown, or nothing can be divided by the second. */
export function ratio(one: Maybe, other: Maybe): number | null {
  return isKnown(one) && isKnown(other) && other > 0 ? one / other : null;
}

/** Null when either is unknown. */
export function difference(one: Maybe, other: Maybe): number | null {
  return isKnown(one) && isKnown(other) ? one - other : null;
}

/** The order of a round: each round begins one further, so that nobody always comes first or after the same. */
export function rotated<T>(items: readonly T[], round: number): T[] {
  const start = items.length === 0 ? 0 : round % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}

export function isKnown(value: Maybe): value is number {
  return value !== null && value !== undefined;
}

/** Of those that are known; null when none is. */
export function largest(values: readonly Maybe[]): number | null {
  const known = values.filter(isKnown);
  return known.length === 0 ? null : Math.max(...known);
}

/** Null when one is unknown. */
export function sum(values: readonly Maybe[]): number | null {
  const known = values.filter(isKnown);
  return known.length === values.length ? known.reduce((total, value) => total + value, 0) : null;
}

/** The farthest that a value is from the first, as a share of the first; null when one is unknown, or there is none. */
export function drift(values: readonly Maybe[]): number | null {
  const shares = values.map((value) => ratio(value, values[0]));
  return shares.every(isKnown) ? largest(shares.map((share) => Math.abs(share - 1))) : null;
}
