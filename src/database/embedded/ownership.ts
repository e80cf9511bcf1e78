import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfPresent, replacePrivate } from '../../common/private-files.ts';
import {
  formatIdentity,
  identifySelf,
  isAlive,
  parseIdentity,
  type ProcessIdentity,
  sameProcess,
} from '../../common/process-identity.ts';

/** The process that will stop the server, if it still lives. */
export async function liveOwner(state: string): Promise<ProcessIdentity | undefined> {
  const owner = await recordedOwner(state);
  return owner !== undefined && (await isAlive(owner)) ? owner : undefined;
}

export async function takeOwnership(state: string): Promise<void> {
  await replacePrivate(ownerPath(state), formatIdentity(await identifySelf()));
}

export async function dropOwnership(state: string): Promise<void> {
  const owner = await recordedOwner(state);
  if (owner !== undefined && sameProcess(owner, await identifySelf())) {
    await rm(ownerPath(state), { force: true });
  }
}

async function recordedOwner(state: string): Promise<ProcessIdentity | undefined> {
  const content = await readIfPresent(ownerPath(state));
  return content === undefined ? undefined : parseIdentity(content);
}

function ownerPath(state: string): string {
  return join(state, 'owner');
}
