/** The browser's clock, in unix milliseconds. It may be wrong: what is decided is decided by the service. */
export function now(): number {
  return Date.now();
}
