import { randomBytes } from 'node:crypto';
import { signToken } from '../test/support/stack.ts';

const TOKEN_TTL_S = 86_400;

export const jsonHeaders = { 'content-type': 'application/json' };

/** Clients, each of a project of its own, and what they send. */
export interface Callers {
  jwtSecret: string;
  /** Those of the first client, of the second, and so on. */
  headers: Record<string, string>[];
}

export async function signedCallers(count: number): Promise<Callers> {
  const jwtSecret = randomBytes(32).toString('hex');
  const exp = Math.floor(Date.now() / 1000) + TOKEN_TTL_S;
  const headers = await Promise.all(
    Array.from({ length: count }, async (_, index) => ({
      ...jsonHeaders,
      authorization: `Bearer ${await signToken(jwtSecret, { sub: clientOf(index), exp })}`,
    })),
  );
  return { jwtSecret, headers };
}

export function clientOf(index: number): string {
  return `client-${index + 1}`;
}

export function projectOf(index: number): string {
  return `project-of-${clientOf(index)}`;
}
