/** As Kubernetes writes most times, which have whole seconds. `milliseconds` since the epoch. */
export function secondsTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Kubernetes' MicroTime. `milliseconds` since the epoch. */
export function microTime(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('Z', '000Z');
}
