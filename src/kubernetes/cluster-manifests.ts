import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import { API_VERSIONS, type FieldEdit, type Manifest, type ManifestProblem } from '../manifests/manifest.ts';
import { type ConfigurationKind, ManifestSource } from '../manifests/manifest-source.ts';
import type { Cluster, KubeObject } from './cluster.ts';
import { hasStatus } from './kubernetes-error.ts';
import { readBack } from './read-back.ts';
import { pathOf, VESTIBULE_API } from './resource-paths.ts';
import { WatchedList } from './watched-list.ts';

const PLURALS = { Project: 'projects', Client: 'clients' } as const;
/** Between the write of a resource and its sight through the watch. */
const READ_BACK_MS = 5_000;

/** A resource as the API server last told it. */
export interface ClusterResource {
  manifest: Manifest;
  uid: string;
  resourceVersion: string;
  generation: number;
  status: unknown;
}

/** Projects and Clients as custom resources of one namespace. */
export class ClusterManifests extends ManifestSource {
  readonly #cluster: Cluster;
  readonly #namespace: string;
  readonly #lists: Record<ConfigurationKind, WatchedList<ClusterResource>>;
  readonly loaded: Promise<void>;
  #manifests: Record<ConfigurationKind, Manifest[]> = { Project: [], Client: [] };
  #listeners: (() => void)[] = [];

  constructor(cluster: Cluster, namespace: string, clock: Clock, logger: Logger) {
    super();
    this.#cluster = cluster;
    this.#namespace = namespace;
    const watched = (kind: ConfigurationKind): WatchedList<ClusterResource> =>
      new WatchedList(
        cluster,
        {
          path: pathOf(VESTIBULE_API, namespace, PLURALS[kind]),
          read: (object, before) => readResource(kind, object, before),
        },
        clock,
        logger,
      );
    this.#lists = { Project: watched('Project'), Client: watched('Client') };
    this.loaded = Promise.all(Object.values(this.#lists).map((list) => list.loaded)).then(() => undefined);
  }

  override async start(): Promise<void> {
    for (const kind of KINDS) {
      this.#lists[kind].onChange(() => {
        this.#take(kind);
      });
      this.#lists[kind].start();
    }
    return Promise.resolve();
  }

  override stop(): void {
    for (const kind of KINDS) this.#lists[kind].stop();
    this.#listeners = [];
  }

  override list(kind: ConfigurationKind): Manifest[] {
    return this.#manifests[kind];
  }

  /** The API server lets nothing in that is no manifest. */
  override problems(): ManifestProblem[] {
    return [];
  }

  override currentAt(): number {
    return Math.min(...KINDS.map((kind) => this.#lists[kind].currentAt()));
  }

  /** Of what configures; a status that changed is none. */
  override onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  resource(kind: ConfigurationKind, name: string): ClusterResource | undefined {
    return this.#lists[kind].get(name);
  }

  pathOf(kind: ConfigurationKind, name: string): string {
    return pathOf(VESTIBULE_API, this.#namespace, PLURALS[kind], name);
  }

  override async create(
    { kind, name }: { kind: ConfigurationKind; name: string },
    content: Record<string, unknown>,
  ): Promise<void> {
    const path = pathOf(VESTIBULE_API, this.#namespace, PLURALS[kind]);
    const body = { apiVersion: API_VERSIONS[kind], kind, metadata: { name }, ...content };
    const created = await this.#cluster
      .request({ method: 'POST', path, body })
      .catch(async (error: unknown) => {
        // Another replica was asked for the same at the same time: whoever asked looks at what came of it.
        const existing = hasStatus(error, 409)
          ? await this.#cluster.find(this.pathOf(kind, name))
          : undefined;
        if (existing === undefined) throw error;
        return existing;
      });
    await this.#seen(kind, created);
  }

  override async edit(
    { kind, name }: { kind: ConfigurationKind; name: string },
    edits: FieldEdit[],
  ): Promise<void> {
    const path = this.pathOf(kind, name);
    await this.#seen(kind, await this.#cluster.request({ method: 'PATCH', path, body: mergePatch(edits) }));
  }

  async #seen(
    kind: ConfigurationKind,
    { metadata: { name, uid, generation = 0 } }: KubeObject,
  ): Promise<void> {
    const isSeen = (): true | undefined => {
      const resource = this.resource(kind, name);
      return (resource?.uid === uid && resource.generation >= generation) || undefined;
    };
    const seen = await readBack(isSeen, (listener) => this.#lists[kind].onceChanged(listener), READ_BACK_MS);
    if (seen === undefined) throw new Error('the watch does not show what was written');
    // Listeners are told once all that arrived together has been taken in.
    this.#take(kind);
  }

  #take(kind: ConfigurationKind): void {
    const before = this.#manifests[kind];
    const now = this.#lists[kind]
      .values()
      .map(({ manifest }) => manifest)
      .sort((left, right) => left.createdAt - right.createdAt || (left.name < right.name ? -1 : 1));
    if (now.length === before.length && now.every((manifest, index) => manifest === before[index])) return;
    this.#manifests = { ...this.#manifests, [kind]: now };
    for (const listener of this.#listeners) listener();
  }
}

const KINDS = ['Project', 'Client'] as const;

/** Keeps the manifest of the version before where only the status changed. */
function readResource(
  kind: ConfigurationKind,
  { metadata, spec, status }: KubeObject,
  before: ClusterResource | undefined,
): ClusterResource {
  const { name, uid, resourceVersion, generation = 0 } = metadata;
  const same = before?.uid === uid && before.generation === generation;
  return {
    manifest: same ? before.manifest : manifestOf(kind, name, spec, Date.parse(metadata.creationTimestamp)),
    uid,
    resourceVersion,
    generation,
    status,
  };
}

function manifestOf(kind: ConfigurationKind, name: string, spec: unknown, createdAt: number): Manifest {
  return {
    kind,
    name,
    document: {
      apiVersion: API_VERSIONS[kind],
      kind,
      metadata: { name },
      ...(spec !== undefined && { spec }),
    },
    source: `${kind}/${name}`,
    createdAt,
    modifiedAt: createdAt,
  };
}

/** RFC 7386: null removes. */
function mergePatch(edits: FieldEdit[]): Record<string, unknown> {
  const patch: Record<string, unknown> = {};
  for (const { path, value } of edits) {
    let parent = patch;
    for (const field of path.slice(0, -1)) parent = (parent[field] ??= {}) as Record<string, unknown>;
    parent[path.at(-1) ?? ''] = value ?? null;
  }
  return patch;
}
