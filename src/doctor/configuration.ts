import { readdir } from 'node:fs/promises';
import type { Clock } from '../common/clock.ts';
import type { Settings } from '../config/load-settings.ts';
import type { ManifestProblem } from '../manifests/manifest.ts';
import { ManifestDirectory } from '../directory/manifest-directory.ts';
import { DirectoryVault } from '../vault/directory-vault.ts';
import { ProjectRegistry } from '../projects/project-registry.ts';
import { providerUrlPolicy } from '../projects/provider-urls.ts';
import type { Project } from '../projects/resource.ts';
import type { Snapshot } from '../projects/snapshot.ts';
import { createLog } from '../telemetry/log.ts';
import { Skipped } from './finding.ts';

/** Projects, clients and keys as a service that starts now would read them. Only names of keys, no key. */
export interface Configuration {
  snapshot: Snapshot;
  problems: ManifestProblem[];
  hasKey: (project: Project) => boolean;
  secrets: { name: string; source: string }[];
}

/** Reads the folder once. It is not started, so that nothing is made, tidied or watched. */
export async function readConfiguration(settings: Settings, clock: Clock): Promise<Configuration> {
  await readdir(settings.directory).catch(() => {
    throw new Skipped('VESTIBULE_DIR is not there or cannot be read');
  });
  const log = createLog('silent');
  const directory = new ManifestDirectory(settings.directory, log, clock);
  await directory.refresh();
  const vault = new DirectoryVault(directory, clock, log);
  await vault.start();
  const { allowed, first } = providerUrlPolicy(settings);
  const registry = new ProjectRegistry(
    directory,
    { baseUrlAllowed: allowed, baseUrlOfNewProjects: first },
    log,
  );
  registry.start();
  const { snapshot } = registry;
  return {
    snapshot,
    problems: [...snapshot.problems, ...vault.problems()],
    hasKey: ({ keyRef }) => vault.find(keyRef) !== undefined,
    secrets: directory.list('Secret').map(({ name, source }) => ({ name, source })),
  };
}
