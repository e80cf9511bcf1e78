import { hash, randomFillSync } from 'node:crypto';

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const TIME_DIGITS = 10;
const RANDOM_BYTES = 16;
const LEASE_TOKEN_BYTES = 32;

/** Asking the system for a few bytes costs as much as for many. */
const pool = Buffer.alloc(256 * RANDOM_BYTES);
let unused = 0;

/** Where in the pool bytes begin that nobody had yet. */
function takeRandom(bytes: number): number {
  if (unused < bytes) unused = randomFillSync(pool).length;
  unused -= bytes;
  return unused;
}

const CODES = Buffer.from(ALPHABET, 'latin1');
const digits = Buffer.alloc(RANDOM_BYTES);

/** `prefix` and 26 Crockford base32 digits: 50 bits of time, so that indexes grow at one end, then 80 random bits. */
function sortableId(prefix: string, epochMs: number): string {
  const start = takeRandom(RANDOM_BYTES);
  for (let digit = 0; digit < RANDOM_BYTES; digit += 1) {
    digits[digit] = CODES[(pool[start + digit] ?? 0) & 31] ?? 0;
  }
  return `${prefix}${timeDigits(epochMs)}${digits.toString('latin1')}`;
}

let lastTime = { epochMs: Number.NaN, digits: '' };

/** Many ids are made in one millisecond. */
function timeDigits(epochMs: number): string {
  if (lastTime.epochMs !== epochMs) lastTime = { epochMs, digits: base32(epochMs) };
  return lastTime.digits;
}

function base32(epochMs: number): string {
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

const LEASE_TOKEN_PATTERN = /^lt_([0-9a-hjkmnp-tv-z]{26})[\w-]{43}$/;

/** 256 random bits, URL-safe, behind the session's id, by which it is found without an index of tokens. */
export function newLeaseToken(sessionId: string): string {
  const start = takeRandom(LEASE_TOKEN_BYTES);
  return `lt_${sessionId.slice('ses_'.length)}${pool.toString('base64url', start, start + LEASE_TOKEN_BYTES)}`;
}

/** Whose lease token a text would be; undefined for what is none. */
export function sessionOfLeaseToken(text: string): string | undefined {
  const digits = LEASE_TOKEN_PATTERN.exec(text)?.[1];
  return digits === undefined ? undefined : `ses_${digits}`;
}

export function sha256Hex(text: string): string {
  return hash('sha256', text, 'hex');
}
