/**
 * Asks after every change until the answer is defined; undefined when the time is over. `onceChanged` subscribes to the
 * next change and returns how to unsubscribe.
 */
export async function readBack<T>(
  ask: () => T | undefined,
  onceChanged: (listener: () => void) => () => void,
  milliseconds: number,
): Promise<T | undefined> {
  return new Promise((resolve) => {
    let unsubscribe: () => void = () => undefined;
    const finish = (answer: T | undefined): void => {
      clearTimeout(timer);
      unsubscribe();
      resolve(answer);
    };
    const timer = setTimeout(() => {
      finish(ask());
    }, milliseconds);
    const look = (): void => {
      const answer = ask();
      if (answer === undefined) unsubscribe = onceChanged(look);
      else finish(answer);
    };
    look();
  });
}
