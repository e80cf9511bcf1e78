export const MANIFEST_FILE = /^[^.].*\.(ya?ml|json)$/;
export const MAX_FILE_BYTES = 1024 * 1024;

/** Milliseconds since the epoch. */
export interface FileTimes {
  bornAt: number;
  modifiedAt: number;
}
