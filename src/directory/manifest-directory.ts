import { type FSWatcher, statSync, watch } from 'node:fs';
import { access, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import { preparePrivateFolder, removeDurably, writeAtomically } from './atomic-file.ts';
import {
  API_VERSIONS,
  type FieldEdit,
  type Manifest,
  type ManifestId,
  type ManifestKind,
  type ManifestProblem,
} from '../manifests/manifest.ts';
import type { ManifestSource } from '../manifests/manifest-source.ts';
import { editManifest, newManifest, removeManifest } from './edit-manifests.ts';
import { MANIFEST_FILE, MAX_FILE_BYTES } from './manifest-file.ts';
import { parseManifests, sameManifest } from './parse-manifests.ts';
import { WriteLock } from './write-lock.ts';

/** File system events arrive in flurries; one scan answers a flurry. */
const SETTLE_MS = 15;
/** Finds what no event told, such as a folder that was replaced or lies on a network file system. */
const RESCAN_MS = 500;

interface FileState {
  signature: string;
  /** Milliseconds since the epoch; that of the first file of this name, since an edit replaces the file. */
  bornAt: number;
  manifests: Manifest[];
  problems: ManifestProblem[];
}

/**
 * The laptop's stand-in for the Kubernetes API: manifests in a folder, watched and written. A file that cannot be
 * parsed is reported, and what it held before stays.
 */
export class ManifestDirectory implements ManifestSource {
  readonly #path: string;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #lock: WriteLock;
  #files = new Map<string, FileState>();
  #listeners: (() => void)[] = [];
  #touched = new Set<string>();
  #queue: Promise<void> = Promise.resolve();
  #watcher: FSWatcher | undefined;
  #watchedInode: number | undefined;
  #settle: NodeJS.Timeout | undefined;
  #rescan: NodeJS.Timeout | undefined;
  #scannedAt = Number.NEGATIVE_INFINITY;
  /** `start` waits for it. */
  readonly loaded = Promise.resolve();

  constructor(path: string, logger: Logger, clock: Clock) {
    this.#path = path;
    this.#logger = logger;
    this.#clock = clock;
    this.#lock = new WriteLock(path);
  }

  async start(): Promise<void> {
    await preparePrivateFolder(this.#path, this.#clock.now());
    this.#watch();
    await this.refresh();
    this.#rescan = setInterval(() => {
      this.#followFolder();
      void this.refresh();
    }, RESCAN_MS);
    this.#rescan.unref();
  }

  stop(): void {
    clearInterval(this.#rescan);
    clearTimeout(this.#settle);
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#listeners = [];
  }

  /** Calls back after each change of what `list` and `problems` return. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  list(kind: ManifestKind): Manifest[] {
    const seen = new Map<string, Manifest>();
    for (const manifest of this.#inOrder()) {
      if (manifest.kind === kind && !seen.has(manifest.name)) seen.set(manifest.name, manifest);
    }
    return [...seen.values()];
  }

  problems(): ManifestProblem[] {
    const problems = [...this.#files.values()].flatMap((file) => file.problems);
    const first = new Map<string, string>();
    for (const { kind, name, source } of this.#inOrder()) {
      const id = `${kind}/${name}`;
      const winner = first.get(id);
      if (winner === undefined) first.set(id, source);
      else problems.push({ source, field: '/metadata/name', message: `repeats the ${kind} of ${winner}` });
    }
    return problems;
  }

  /** By the monotonic clock, in ms: what is held is what the folder held then, or later. */
  currentAt(): number {
    return this.#scannedAt;
  }

  /** Reads what changed since the last scan; resolves when listeners have been told. */
  refresh(): Promise<void> {
    const scan = this.#queue.then(() => this.#scan());
    this.#queue = scan.catch((error: unknown) => {
      this.#logger.error({ err: error }, 'the manifest directory cannot be read');
    });
    return this.#queue;
  }

  async create(id: ManifestId, content: Record<string, unknown>): Promise<void> {
    await this.apply(id, [], content);
  }

  async edit(id: ManifestId, edits: FieldEdit[]): Promise<void> {
    await this.apply(id, edits, undefined);
  }

  /** Edits fields of a manifest where it stands, or writes a new file for it; resolves once it is read back. */
  async apply(
    id: ManifestId,
    edits: FieldEdit[],
    whenNew: Record<string, unknown> | undefined,
  ): Promise<void> {
    await this.#exclusively(async () => {
      const manifest = this.#find(id);
      const file = manifest && this.#fileOf(manifest);
      if (manifest === undefined || file === undefined) {
        if (whenNew === undefined) throw new Error('there is no such manifest any more');
        const path = join(this.#path, `${id.kind.toLowerCase()}-${id.name}.yaml`);
        await refuseExisting(path);
        const document = {
          apiVersion: API_VERSIONS[id.kind],
          kind: id.kind,
          metadata: { name: id.name, creationTimestamp: new Date(this.#clock.now()).toISOString() },
          ...whenNew,
        };
        await writeAtomically(path, newManifest(document));
      } else {
        const path = join(this.#path, file);
        // The new file is born now: what says who came first has to be in it.
        const value = new Date(manifest.createdAt).toISOString();
        const age = { path: ['metadata', 'creationTimestamp'], value };
        await writeAtomically(path, editManifest(file, await readFile(path, 'utf8'), id, [age, ...edits]));
      }
    });
  }

  /** Removes a manifest, and its file when nothing else is in it. */
  async remove(id: ManifestId): Promise<void> {
    await this.#exclusively(async () => {
      const manifest = this.#find(id);
      const file = manifest && this.#fileOf(manifest);
      if (file === undefined) return;
      const path = join(this.#path, file);
      const rest = removeManifest(file, await readFile(path, 'utf8'), id);
      await (rest === undefined ? removeDurably(path) : writeAtomically(path, rest));
    });
  }

  /** A write sees the newest files, and no scan of this process or write of any process comes between. */
  async #exclusively(write: () => Promise<void>): Promise<void> {
    // The lock first: who waits for it must go on seeing what others change.
    await this.#lock.hold(async () => {
      const done = this.#queue.then(async () => {
        await this.#scan();
        await write();
        await this.#scan();
      });
      this.#queue = done.catch(() => undefined);
      await done;
    });
  }

  #find(id: ManifestId): Manifest | undefined {
    return this.#inOrder().find((manifest) => sameManifest(manifest, id));
  }

  #fileOf(manifest: Manifest): string | undefined {
    return [...this.#files].find(([, { manifests }]) => manifests.includes(manifest))?.[0];
  }

  /** Oldest first, so that of two that claim the same the first is in the right. */
  #inOrder(): Manifest[] {
    return [...this.#files]
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .flatMap(([, { manifests }]) => manifests)
      .sort((left, right) => left.createdAt - right.createdAt);
  }

  async #scan(): Promise<void> {
    const startedAt = this.#clock.monotonic();
    await this.#readFolder();
    this.#scannedAt = startedAt;
  }

  async #readFolder(): Promise<void> {
    const touched = this.#touched;
    this.#touched = new Set();
    const names = (await readdir(this.#path)).filter((name) => MANIFEST_FILE.test(name));
    const next = new Map<string, FileState>();
    let changed = names.length !== this.#files.size;
    for (const name of names) {
      const before = this.#files.get(name);
      const after = await this.#read(name, before, touched.has(name));
      const state = after === undefined ? before : keepLastGood(before, after);
      changed ||= state !== before;
      if (state !== undefined) next.set(name, state);
    }
    if (!changed) return;
    this.#files = next;
    for (const listener of this.#listeners) this.#tell(listener);
  }

  #tell(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#logger.error({ err: error }, 'a change of the manifests could not be taken over');
    }
  }

  /** Undefined when the file is as it was, or went away just now: then its removal is another event. */
  async #read(
    name: string,
    before: FileState | undefined,
    touched: boolean,
  ): Promise<(FileState & { complete: boolean }) | undefined> {
    const path = join(this.#path, name);
    const found = await stat(path, { bigint: true }).catch(() => undefined);
    if (!found?.isFile()) return undefined;
    const signature = `${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
    if (signature === before?.signature && !touched) return undefined;
    const bornAt = Math.min(before?.bornAt ?? Infinity, Number(found.birthtimeMs));
    const failed = (message: string): FileState & { complete: boolean } => ({
      signature,
      bornAt,
      manifests: [],
      problems: [{ source: name, field: '/', message }],
      complete: false,
    });
    if (found.size > MAX_FILE_BYTES) return failed(`is larger than ${MAX_FILE_BYTES} bytes`);
    try {
      const times = { bornAt, modifiedAt: Number(found.mtimeMs) };
      return { signature, bornAt, ...parseManifests(name, await readText(path), times) };
    } catch {
      return failed('cannot be read');
    }
  }

  #watch(): void {
    if (this.#watcher !== undefined) return;
    try {
      this.#watcher = watch(this.#path, (_event, name) => {
        if (name !== null) this.#touched.add(name);
        this.#settle ??= setTimeout(() => {
          this.#settle = undefined;
          void this.refresh();
        }, SETTLE_MS);
      });
      this.#watcher.on('error', () => {
        this.#unwatch();
      });
    } catch {
      this.#unwatch();
    }
  }

  /** A folder that was replaced is another one under the same name: events would come from the old one only. */
  #followFolder(): void {
    const inode = statSync(this.#path, { throwIfNoEntry: false })?.ino;
    if (inode !== this.#watchedInode) this.#unwatch();
    this.#watchedInode = inode;
    this.#watch();
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = undefined;
  }
}

function keepLastGood(before: FileState | undefined, after: FileState & { complete: boolean }): FileState {
  const { complete, ...state } = after;
  if (complete || before === undefined) return state;
  const kept = before.manifests.filter(
    (old) => !state.manifests.some((manifest) => sameManifest(manifest, old)),
  );
  return { ...state, manifests: [...state.manifests, ...kept] };
}

async function readText(path: string): Promise<string> {
  return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path));
}

async function refuseExisting(path: string): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (exists) throw new Error('a file with the manifest’s name exists and does not hold it');
}
