import { hash, randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_DIGITS = 10;
const RANDOM_BYTES = 16;

/** Asking the system for a few bytes costs as much as for many. */
const pool = Buffer.alloc(256 * RANDOM_BYTES);
let unused = 0;

function takeRandom(): Buffer {
  if (unused === 0) unused = randomFillSync(pool).length;
  unused -= RANDOM_BYTES;
  return pool.subarray(unused, unused + RANDOM_BYTES);
}

/** `prefix` and 26 Crockford base32 digits: 50 bits of time, so that indexes grow at one end, then 80 random bits. */
function sortableId(prefix: string, epochMs: number): string {
  let random = '';
  for (const byte of takeRandom()) random += ALPHABET.charAt(byte & 31);
  return `${prefix}${timeDigits(epochMs)}${random}`;
}

function timeDigits(epochMs: number): string {
  let time = '';
  for (let rest = epochMs, digit = 0; digit < TIME_DIGITS; digit += 1, rest = Math.floor(rest / 32)) {
    time = ALPHABET.charAt(rest % 32) + time;
  }
  return time;
}

/** Sorts before every session id of this time or a later one, and after every earlier one. */
export const sessionIdAt = (epochMs: number): string => `ses_${timeDigits(epochMs)}`;
export const newSessionId = (epochMs: number): string => sortableId('ses_', epochMs);
export const newRequestId = (epochMs: number): string => sortableId('req_', epochMs);
export const newChainId = (epochMs: number): string => sortableId('chn_', epochMs);

export const SESSION_ID_PATTERN = /^ses_[0-9a-hjkmnp-tv-z]{26}$/;

/** 256 random bits, URL-safe. */
export function newLeaseToken(): string {
  return `lt_${Buffer.concat([takeRandom(), takeRandom()]).toString('base64url')}`;
}

export function sha256Hex(text: string): string {
  return hash('sha256', text, 'hex');
}
