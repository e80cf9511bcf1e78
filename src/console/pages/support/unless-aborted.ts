/**
 * What comes, unless the signal does before it: then it rejects with the signal's reason at once, and what comes all the
 * same is closed.
 */
export function unlessAborted<T>(
  coming: Promise<T>,
  signal: AbortSignal,
  close: (late: T) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(signal.reason as Error);
      coming.then(close, () => undefined);
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort);
    const settle = (): void => {
      signal.removeEventListener('abort', abort);
      resolve(coming);
    };
    coming.then(settle, settle);
  });
}
