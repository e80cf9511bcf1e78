/**
 * A function that remembers up to `max` answers, for arguments of which few are asked for again and again. That there is
 * no answer is not remembered, or whoever asks for what is not there could push out what is.
 */
export function memo<Result>(max: number, compute: (text: string) => Result): (text: string) => Result {
  const known = new Map<string, Result & {}>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const result = compute(text);
    if (result === undefined || result === null) return result;
    if (known.size >= max) known.clear();
    known.set(text, result);
    return result;
  };
}
