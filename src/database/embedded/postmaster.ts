import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Binaries } from './binaries.ts';
import { SERVER_ENVIRONMENT } from './cluster.ts';
import { readIfPresent } from '../../common/private-files.ts';
import { openLog } from './log-file.ts';
import type { Placement } from './placement.ts';
import { identify, type ProcessIdentity } from '../../common/process-identity.ts';
import { servesData, signal, waitForExit } from './processes.ts';
import { freePort } from './free-port.ts';

export type Postmaster = { identity: ProcessIdentity; port: number };
export type PidFile = { pid: number; port: number; status: string };

/** What `postmaster.pid` says, and whether it is still true. */
export type Inspection = { running: Postmaster | undefined; stalePid: number | undefined };

const FAST_SHUTDOWN_MS = 10_000;
const IMMEDIATE_SHUTDOWN_MS = 5_000;

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '64MB',
  max_wal_size: '256MB',
  fsync: 'on',
  synchronous_commit: 'on',
  password_encryption: 'scram-sha-256',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_destination: 'stderr',
  logging_collector: 'off',
  // A failed statement may carry a password or a payload: the log has its error, never its text.
  log_min_error_statement: 'panic',
};

export async function inspect(data: string): Promise<Inspection> {
  const file = await readPidFile(data);
  if (file === undefined) {
    return { running: undefined, stalePid: undefined };
  }
  const identity = await identify(file.pid);
  if (identity === undefined || !(await servesData(file.pid, data))) {
    return { running: undefined, stalePid: file.pid };
  }
  return { running: { identity, port: file.port }, stalePid: undefined };
}

export async function readPidFile(data: string): Promise<PidFile | undefined> {
  const lines = (await readIfPresent(join(data, 'postmaster.pid')))?.split('\n') ?? [];
  const pid = Number(lines[0]);
  const port = Number(lines[3]);
  return pid > 0 && port > 0 ? { pid, port, status: (lines[7] ?? '').trim() } : undefined;
}

export async function spawnPostmaster(
  placement: Placement,
  binaries: Binaries,
  stalePid: number | undefined,
): Promise<{ postmaster: Postmaster; logOffset: number }> {
  const port = await freePort();
  const { file, offset } = await openLog(placement.state);
  try {
    // A group of its own: Ctrl-C on the terminal must not reach the server before the service has finished.
    const child = spawn(binaries.postgres, ['-D', placement.data, ...settingArguments(port)], {
      ...placement.account,
      detached: true,
      cwd: '/',
      stdio: ['ignore', file.fd, file.fd],
      env: { ...SERVER_ENVIRONMENT, ...ignoring(stalePid) },
    });
    child.unref();
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    const identity = (await identify(pid)) ?? { pid, startedAt: '' };
    return { postmaster: { identity, port }, logOffset: offset };
  } finally {
    await file.close();
  }
}

/** Fast, then immediate shutdown; false if the server outlives both. */
export async function stopPostmaster(identity: ProcessIdentity): Promise<boolean> {
  await signal(identity, 'SIGINT');
  if (await waitForExit(identity, FAST_SHUTDOWN_MS)) {
    return true;
  }
  await signal(identity, 'SIGQUIT');
  return waitForExit(identity, IMMEDIATE_SHUTDOWN_MS);
}

function settingArguments(port: number): string[] {
  const settings = { ...SETTINGS, port: String(port) };
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/**
 * A stale pid may belong to another process by now, and the server would refuse to start. Told that it is
 * the pid of its grandparent, it goes on to the check that matters: whether backends still use the memory.
 * Removing the file instead would skip that check.
 */
function ignoring(stalePid: number | undefined): Record<string, string> {
  return stalePid === undefined ? {} : { PG_GRANDPARENT_PID: String(stalePid) };
}
