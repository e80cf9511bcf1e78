import { readFile } from 'node:fs/promises';
import { errorCode } from './private-files.ts';

/** A pid alone is reused sooner or later: on Linux it comes with the start time of its process. */
export type ProcessIdentity = { pid: number; startedAt: string };

export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  if (!hasProcess(pid)) {
    return undefined;
  }
  if (process.platform !== 'linux') {
    return { pid, startedAt: '' };
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) {
    return hasProcess(pid) ? { pid, startedAt: '' } : undefined;
  }
  // The second field is the name in parentheses, which may hold spaces and parentheses of its own.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // In a container nobody may reap orphans: a zombie has ended all the same.
  return ['Z', 'X'].includes(fields[0] ?? '') ? undefined : { pid, startedAt: fields[19] ?? '' };
}

export async function identifySelf(): Promise<ProcessIdentity> {
  return (await identify(process.pid)) ?? { pid: process.pid, startedAt: '' };
}

export function sameProcess(one: ProcessIdentity, other: ProcessIdentity): boolean {
  const timesKnown = one.startedAt !== '' && other.startedAt !== '';
  return one.pid === other.pid && (!timesKnown || one.startedAt === other.startedAt);
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const current = await identify(identity.pid);
  return current !== undefined && sameProcess(current, identity);
}

export function formatIdentity(identity: ProcessIdentity): string {
  return `${identity.pid} ${identity.startedAt}\n`;
}

export function parseIdentity(text: string): ProcessIdentity | undefined {
  const match = /^([1-9]\d*) (\d*)\n$/.exec(text);
  return match ? { pid: Number(match[1]), startedAt: match[2] ?? '' } : undefined;
}

function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}
