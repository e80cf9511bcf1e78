export interface Memo<Result> {
  (text: string): Result;
  /** The answer, if it is remembered; nothing is computed. */
  recall(text: string): Result | undefined;
}

/**
 * A function that remembers up to `max` answers, for arguments of which few are asked for again and again. That there is
 * no answer is not remembered, or whoever asks for what is not there could push out what is.
 */
export function memo<Result>(max: number, compute: (text: string) => Result): Memo<Result> {
  const known = new Map<string, Result & {}>();
  const ask = (text: string): Result => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const result = compute(text);
    if (result === undefined || result === null) return result;
    if (known.size >= max) known.clear();
    known.set(text, result);
    return result;
  };
  return Object.assign(ask, { recall: (text: string) => known.get(text) });
}
