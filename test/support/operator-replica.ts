import { pino } from 'pino';
import type { Clock } from '../../src/common/clock.ts';
import { ClusterManifests } from '../../src/kubernetes/cluster-manifests.ts';
import { pathOf, VESTIBULE_API } from '../../src/kubernetes/resource-paths.ts';
import { EventWriter } from '../../src/operator/event-writer.ts';
import { Observer } from '../../src/projects/observer.ts';
import { ProjectRegistry } from '../../src/projects/project-registry.ts';
import { KeyRejections } from '../../src/vault/key-rejections.ts';
import { MissingKeys } from '../../src/vault/missing-keys.ts';
import type { ApiObjects } from './api-objects.ts';
import { aProject } from './manifests.ts';
import { MemoryVault } from './memory-vault.ts';
import { RejectionsDatabase } from './rejections-database.ts';

export const NAMESPACE = 'vestibule';
export const PROJECTS = pathOf(VESTIBULE_API, NAMESPACE, 'projects');
export const CLIENTS = pathOf(VESTIBULE_API, NAMESPACE, 'clients');
export const EVENTS = pathOf('/api/v1', NAMESPACE, 'events');
const PROVIDER = 'https://provider.test/v1';

/** What a replica knows, of the objects that an API server plays and of a vault and a database of its own. */
export interface Replica {
  manifests: ClusterManifests;
  registry: ProjectRegistry;
  vault: MemoryVault;
  database: RejectionsDatabase;
  rejections: KeyRejections;
  observer: Observer;
  events: EventWriter;
  stop: () => void;
}

export async function startReplica(
  { server: { cluster } }: ApiObjects,
  clock: Clock,
  identity = 'replica',
): Promise<Replica> {
  const logger = pino({ level: 'silent' });
  const manifests = new ClusterManifests(cluster, NAMESPACE, clock, logger);
  const options = { baseUrlAllowed: () => true, baseUrlOfNewProjects: PROVIDER };
  const registry = new ProjectRegistry(manifests, options, logger);
  const vault = new MemoryVault();
  const database = new RejectionsDatabase();
  const rejections = new KeyRejections(database.database, clock, logger);
  const keys = { rejections, missing: new MissingKeys(vault, clock, logger) };
  const observer = new Observer(registry, vault, keys, { jwtIssuers: [], vault: 'kubernetes' });
  const events = new EventWriter(cluster, { namespace: NAMESPACE, identity }, clock, logger);
  await manifests.start();
  await manifests.loaded;
  registry.start();
  const stop = (): void => {
    registry.stop();
    manifests.stop();
  };
  return { manifests, registry, vault, database, rejections, observer, events, stop };
}

/** What a Project's resource holds besides its metadata. */
export function projectContent(
  projectId: string,
  spec: Record<string, unknown> = {},
): Record<string, unknown> {
  const { metadata: _, ...content } = aProject(PROVIDER, projectId, spec);
  return content;
}
