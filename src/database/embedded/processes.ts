import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { errorCode } from '../../common/private-files.ts';
import { isAlive, type ProcessIdentity } from '../../common/process-identity.ts';
import { waitFor } from '../../common/wait-for.ts';

const INTERVAL_MS = 25;

const run = promisify(execFile);

/** True once the process has ended, false if it outlives the deadline. */
export async function waitForExit(identity: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const ask = async (): Promise<true | undefined> => ((await isAlive(identity)) ? undefined : true);
  return (await waitFor(ask, AbortSignal.timeout(timeoutMs), INTERVAL_MS)) === true;
}

export async function signal(identity: ProcessIdentity, name: NodeJS.Signals): Promise<void> {
  if (!(await isAlive(identity))) {
    return;
  }
  try {
    process.kill(identity.pid, name);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') {
      throw error;
    }
  }
}

/** Whether the process is a postgres that serves exactly this data directory. */
export async function servesData(pid: number, data: string): Promise<boolean> {
  if (process.platform !== 'linux') {
    const listing = await run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).catch(() => ({
      stdout: '',
    }));
    return listing.stdout.includes(`postgres -D ${data} `);
  }
  // Root without CAP_SYS_PTRACE may not see the folder of another user's process, but always its arguments.
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
  return /(^|\/)postgres$/.test(words[0] ?? '') && (cwd === data || words[words.indexOf('-D') + 1] === data);
}
