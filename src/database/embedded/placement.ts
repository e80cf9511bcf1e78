import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { findAccount, firstClosed, weAreRoot } from './account.ts';
import type { Account } from './account.ts';
import { errorCode, exists } from '../../common/private-files.ts';

const SHELTERS = '/var/tmp';

export type Placement = {
  /** `<directory>/postgres`: password, owner, lock and log, which only we read. */
  state: string;
  /** The folder that holds `data`: the state folder, or the shelter. */
  base: string;
  data: string;
  /** Where root puts what another user must reach, when that user can not enter the directory. */
  shelter: string;
  /** Undefined: PostgreSQL runs as the current user. */
  account: Account | undefined;
};

/** The directory must exist and be a real path. */
export function shelterFor(directory: string): string {
  const name = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  return join(SHELTERS, `vestibule-${name}`);
}

/** Makes `<directory>/postgres`; the paths that come out are real ones. */
export async function prepareState(directory: string): Promise<{ directory: string; state: string }> {
  const wanted = resolve(directory);
  await mkdir(wanted, { recursive: true, mode: 0o711 });
  const real = await realpath(wanted);
  const state = join(real, 'postgres');
  await mkdir(state, { recursive: true, mode: 0o700 });
  // The folder is entered by the other user on the way to its data, but never listed by it.
  await chmod(state, weAreRoot() ? 0o711 : 0o700);
  return { directory: real, state };
}

export async function placeCluster(directory: string, state: string): Promise<Placement> {
  const shelter = shelterFor(directory);
  const inState = { state, base: state, data: join(state, 'data'), shelter };
  if (!weAreRoot()) {
    return { ...inState, account: undefined };
  }
  const inShelter = { state, base: shelter, data: join(shelter, 'data'), shelter };
  // A cluster stays where it was first made, whatever became of the permissions since.
  if (await exists(inState.data)) {
    const account = await accountOf(inState.data);
    await refuseIfClosed(state, account);
    return { ...inState, account };
  }
  if ((await exists(shelter)) && (await exists(inShelter.data))) {
    await openShelter(shelter);
    return { ...inShelter, account: await accountOf(inShelter.data) };
  }
  const account = await findAccount();
  if ((await firstClosed(state, account)) === undefined) {
    return { ...inState, account };
  }
  await openShelter(shelter);
  return { ...inShelter, account };
}

/** /var/tmp is open to everybody: the name may have been taken by somebody else, or point elsewhere. */
export async function openShelter(shelter: string): Promise<void> {
  try {
    await mkdir(shelter, { mode: 0o711 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') {
      throw error;
    }
  }
  const entry = await lstat(shelter);
  if (!entry.isDirectory() || entry.uid !== 0 || (entry.mode & 0o022) !== 0) {
    throw new Error(`embedded PostgreSQL: ${shelter} is not a folder that belongs to root alone: remove it`);
  }
  await chmod(shelter, 0o711);
}

async function accountOf(data: string): Promise<Account> {
  const { uid, gid } = await stat(data);
  return uid === 0 ? findAccount() : { uid, gid };
}

async function refuseIfClosed(state: string, account: Account): Promise<void> {
  const closed = await firstClosed(state, account);
  if (closed !== undefined) {
    throw new Error(
      `embedded PostgreSQL: its data is in ${state}, but user ${account.uid} may not search ${closed}: chmod o+x it`,
    );
  }
}
