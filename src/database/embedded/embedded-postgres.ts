import { setTimeout as delay } from 'node:timers/promises';
import { installedBinaries, reachableBinaries } from './binaries.ts';
import type { InstalledBinaries } from './binaries.ts';
import { ensureCluster, readPassword, SUPERUSER } from './cluster.ts';
import { withFolderLock } from '../../common/folder-lock.ts';
import { logPath, logTail } from './log-file.ts';
import { dropOwnership, liveOwner, takeOwnership } from './ownership.ts';
import { placeCluster, prepareState } from './placement.ts';
import type { Placement } from './placement.ts';
import { inspect, spawnPostmaster, stopPostmaster } from './postmaster.ts';
import type { Postmaster } from './postmaster.ts';
import { connectionUrl, waitUntilReady } from './readiness.ts';

export type EmbeddedPostgresOptions = {
  /** VESTIBULE_DIR */
  directory: string;
  log: (message: string) => void;
};

export type EmbeddedPostgres = {
  superuserUrl: string;
  urlFor: (role: string, password: string, database: string) => string;
  port: number;
  /** False: another live process owns the server, and `stop` leaves it alone. */
  owned: boolean;
  stop: () => Promise<void>;
};

type Scene = { placement: Placement; installed: InstalledBinaries; log: (message: string) => void };
type Opened = { postmaster: Postmaster; password: string; owned: boolean };

const LOCK_TIMEOUT_MS = 30_000;
const STOP_LOCK_TIMEOUT_MS = 10_000;
const OPEN_TIMEOUT_MS = 30_000;
const RETRY_INTERVAL_MS = 200;

/** The port was taken in between; backends of a killed server still end; another server was quicker. */
const PASSING_TROUBLE =
  /could not create any TCP\/IP sockets|pre-existing shared memory block|lock file ".*" already exists/;

export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const installed = await installedBinaries();
  const { directory, state } = await prepareState(options.directory);
  return withFolderLock(state, AbortSignal.timeout(LOCK_TIMEOUT_MS), async () => {
    const placement = await placeCluster(directory, state);
    const scene = { placement, installed, log: options.log };
    return describe(scene, await open(scene));
  });
}

async function open(scene: Scene): Promise<Opened> {
  const deadline = performance.now() + OPEN_TIMEOUT_MS;
  do {
    const { running, stalePid } = await inspect(scene.placement.data);
    const opened = running ? await joinRunning(scene, running) : await launch(scene, stalePid);
    if (opened !== undefined) {
      return opened;
    }
    await delay(RETRY_INTERVAL_MS);
  } while (performance.now() < deadline);
  throw await failure(scene, `could not be started within ${OPEN_TIMEOUT_MS / 1000} s`);
}

/** Another process owns the server, or its owner was killed. Undefined: it has gone. */
async function joinRunning(scene: Scene, postmaster: Postmaster): Promise<Opened | undefined> {
  const { placement, log } = scene;
  const owner = await liveOwner(placement.state);
  const password = (await readPassword(placement.state)) ?? '';
  const readiness = password === '' ? undefined : await waitUntilReady(postmaster, placement.data, password);
  if (readiness === 'ready') {
    return welcome(scene, { postmaster, password, owned: owner === undefined });
  }
  if (readiness === 'gone' || (readiness === 'stopping' && owner !== undefined)) {
    return undefined;
  }
  if (owner !== undefined) {
    throw await failure(scene, `of process ${owner.pid} can not be used`);
  }
  log(`embedded PostgreSQL: stopping a server that was left behind (process ${postmaster.identity.pid})`);
  await stopPostmaster(postmaster.identity);
  return undefined;
}

/** Undefined: something passing was in the way. */
async function launch(scene: Scene, stalePid: number | undefined): Promise<Opened | undefined> {
  const { placement, installed, log } = scene;
  const binaries = await reachableBinaries(installed, placement);
  const password = await ensureCluster(placement, binaries, log);
  const { postmaster, logOffset } = await spawnPostmaster(placement, binaries, stalePid);
  const readiness = await waitUntilReady(postmaster, placement.data, password).catch(
    async (error: unknown) => {
      await stopPostmaster(postmaster.identity);
      throw error;
    },
  );
  if (readiness === 'ready') {
    return welcome(scene, { postmaster, password, owned: true });
  }
  if (readiness === 'gone' && PASSING_TROUBLE.test(await logTail(placement.state, logOffset))) {
    return undefined;
  }
  await stopPostmaster(postmaster.identity);
  throw await failure(scene, readiness === 'gone' ? 'ended while it started' : 'accepts no connections');
}

async function welcome(scene: Scene, opened: Opened): Promise<Opened> {
  const { state, data } = scene.placement;
  if (opened.owned) {
    await takeOwnership(state);
  }
  const whose = opened.owned ? '' : ', shared with the process that owns it';
  scene.log(`embedded PostgreSQL: 127.0.0.1:${opened.postmaster.port}, data in ${data}${whose}`);
  return opened;
}

function describe(scene: Scene, opened: Opened): EmbeddedPostgres {
  const { port } = opened.postmaster;
  let stopped: Promise<void> | undefined;
  return {
    superuserUrl: connectionUrl(port, SUPERUSER, opened.password, 'postgres'),
    urlFor: (role, password, database) => connectionUrl(port, role, password, database),
    port,
    owned: opened.owned,
    stop: () => (stopped ??= opened.owned ? stop(scene, opened.postmaster) : Promise.resolve()),
  };
}

/** Under the lock: a process that starts meanwhile must not attach to a server about to end. */
async function stop(scene: Scene, postmaster: Postmaster): Promise<void> {
  let ending: Promise<void> | undefined;
  const endOnce = (): Promise<void> => (ending ??= end(scene, postmaster));
  try {
    await withFolderLock(scene.placement.state, AbortSignal.timeout(STOP_LOCK_TIMEOUT_MS), endOnce);
  } catch (error) {
    scene.log(`embedded PostgreSQL: ${error instanceof Error ? error.message : String(error)}`);
    // The lock could not be had, or the directory is gone: the server must end all the same.
    await endOnce();
  }
}

async function end({ placement, log }: Scene, { identity }: Postmaster): Promise<void> {
  if (!(await stopPostmaster(identity))) {
    log(`embedded PostgreSQL: process ${identity.pid} does not end; see ${logPath(placement.state)}`);
  }
  await dropOwnership(placement.state);
}

async function failure(scene: Scene, what: string): Promise<Error> {
  const { state, data } = scene.placement;
  const tail = await logTail(state).catch(() => '(no log)');
  return new Error(
    `embedded PostgreSQL: the server ${what} (data in ${data}); ${logPath(state)} ends with:\n${tail}`,
  );
}
