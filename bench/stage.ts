import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestCluster } from '../test/support/cluster.ts';
import type { Run } from './command.ts';
import { describeMachine, type Machine } from './machine.ts';
import { LoadGenerator } from './processes.ts';

/** What subjects need before they can start. */
export interface Stage {
  /** For logs and manifests. */
  directory: string;
  superuserUrl: string;
  machine: Machine;
  postmasterPid: number;
  load: LoadGenerator;
  signal: AbortSignal;
  /** Stops everything: a subject ended. */
  onLost: (error: Error) => void;
}

export async function setStage({ stopping, resources }: Run): Promise<Stage> {
  const { signal } = stopping;
  const directory = mkdtempSync(join(tmpdir(), 'vestibule-bench-'));
  resources.defer(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const cluster = await startTestCluster();
  resources.defer(() => cluster.stop());
  signal.throwIfAborted();
  const { machine, postmasterPid } = await describeMachine(cluster.superuserUrl);
  const load = new LoadGenerator();
  resources.defer(() => load.stop());
  // what waits for a turn then fails, and all else is stopped
  signal.addEventListener('abort', () => void load.stop());
  return {
    directory,
    superuserUrl: cluster.superuserUrl,
    machine,
    postmasterPid,
    load,
    signal,
    onLost: (error) => {
      stopping.abort(error);
    },
  };
}
