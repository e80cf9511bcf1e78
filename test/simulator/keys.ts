import { hash } from 'node:crypto';

/** What is kept of a key once its header was read: never the key. */
export interface Credential {
  fingerprint: string;
  wellFormed: boolean;
}

const BEARER = /^Bearer +(\S+)$/i;
const KEY = /^sk-[A-Za-z0-9_-]{8,}$/;
const REVOKED_BY_NAME = 'sk-revoked-';

export function fingerprintOf(key: string): string {
  // Node reads header bytes as latin1: the same encoding gives back the bytes that were on the wire.
  return `sha256:${hash('sha256', Buffer.from(key, 'latin1'), 'hex').slice(0, 16)}`;
}

export function isFingerprint(value: unknown): value is string {
  return typeof value === 'string' && /^sha256:[0-9a-f]{16}$/.test(value);
}

export function bearerOf(authorization: string | undefined): string | undefined {
  return BEARER.exec(authorization ?? '')?.[1];
}

export function readCredential(authorization: string | undefined): Credential | undefined {
  const key = bearerOf(authorization);
  if (key === undefined) return undefined;
  return { fingerprint: fingerprintOf(key), wellFormed: KEY.test(key) && !key.startsWith(REVOKED_BY_NAME) };
}
