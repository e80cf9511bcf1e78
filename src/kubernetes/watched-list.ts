import type { Logger } from 'pino';
import type { Clock } from '../common/clock.ts';
import { isRecord } from '../common/json.ts';
import { Backoff, type BackoffBounds } from './backoff.ts';
import type { Cluster, KubeObject } from './cluster.ts';
import { hasStatus, KubernetesError } from './kubernetes-error.ts';
import { type ListPage, PAGE, pagesOf } from './pages.ts';

/**
 * The server ends a watch after this long. So whoever watches knows at least so often that it is up to date, for a quiet
 * stream brings no bookmarks, and a stream that says nothing for longer is a dead one.
 */
const WATCH_S = 10;
/** Pages of a list: half a million objects. */
const MAX_PAGES = 1_000;
const BOUNDS: WatchBounds = { silenceMs: 15_000, backoff: { firstMs: 100, mostMs: 2_000 } };
/** A watch that ended in order, and not before, was ended because its time was over. */
const FULL_MS = WATCH_S * 1_000 - 500;

export interface WatchBounds {
  /** How long a stream may say nothing. */
  silenceMs: number;
  /** Between one attempt and the next while the API server is away. */
  backoff: BackoffBounds;
}

export interface WatchedListOptions<T> {
  path: string;
  labelSelector?: string;
  /** What is kept of an object; `before` is what was kept of its last version. The rest is dropped, a key's raw text too. */
  read: (object: KubeObject, before: T | undefined) => T;
  bounds?: WatchBounds;
}

/** 410: the version is too old. 504: it is of the future, as after a restore from a backup. */
const GONE: ReadonlySet<number> = new Set([410, 504]);

/** Thrown when the API server has forgotten the version from which we want to go on. */
class Gone extends Error {}

/** Objects of one kind in memory, by name: listed once, then watched; listed again when the thread is lost. */
export class WatchedList<T> {
  readonly #cluster: Cluster;
  readonly #options: WatchedListOptions<T>;
  readonly #bounds: WatchBounds;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #backoff: Backoff;
  readonly #stopping = new AbortController();
  /** Resolves once everything was listed once, and whoever listens has been told. */
  readonly loaded: Promise<void>;
  #markLoaded: () => void = () => undefined;
  #objects = new Map<string, T>();
  #resourceVersion: string | undefined;
  #currentAt = Number.NEGATIVE_INFINITY;
  #listeners: (() => void)[] = [];
  #telling = false;
  #away = false;

  constructor(cluster: Cluster, options: WatchedListOptions<T>, clock: Clock, logger: Logger) {
    this.#cluster = cluster;
    this.#options = options;
    this.#bounds = options.bounds ?? BOUNDS;
    this.#clock = clock;
    this.#logger = logger.child({ watch: options.path });
    this.#backoff = new Backoff(this.#bounds.backoff, this.#stopping.signal);
    this.loaded = new Promise((resolve) => {
      this.#markLoaded = resolve;
    });
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stopping.abort();
    this.#listeners = [];
  }

  get(name: string): T | undefined {
    return this.#objects.get(name);
  }

  values(): T[] {
    return [...this.#objects.values()];
  }

  /** By the monotonic clock, in ms: what is held is what the API server held then, or later. */
  currentAt(): number {
    return this.#currentAt;
  }

  /** Calls back after changes; those that arrive together are told together. */
  onChange(listener: () => void): void {
    this.#listeners = [...this.#listeners, listener];
  }

  /** Calls back once, after the next change; returns how to call it off. */
  onceChanged(listener: () => void): () => void {
    const once = (): void => {
      cancel();
      listener();
    };
    const cancel = (): void => {
      this.#listeners = this.#listeners.filter((other) => other !== once);
    };
    this.onChange(once);
    return cancel;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        if (this.#resourceVersion === undefined) await this.#list();
        const startedAt = this.#clock.monotonic();
        await this.#follow(this.#resourceVersion ?? '');
        await this.#ended(startedAt);
      } catch (error) {
        await this.#recover(error);
      }
    }
  }

  async #ended(startedAt: number): Promise<void> {
    const now = this.#clock.monotonic();
    if (now - startedAt < FULL_MS) {
      await this.#backoff.wait();
    } else {
      this.#current(now);
      this.#backoff.reset();
    }
  }

  async #recover(error: unknown): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    if (error instanceof Gone) this.#resourceVersion = undefined;
    else if (!this.#away) {
      this.#away = true;
      this.#logger.warn({ err: error }, 'the API server cannot be watched; what was read last stays');
    }
    await this.#backoff.wait();
  }

  async #list(): Promise<void> {
    const startedAt = this.#clock.monotonic();
    const objects = new Map<string, T>();
    let last: ListPage['metadata'] | undefined;
    try {
      for await (const { metadata, items } of pagesOf(this.#cluster, this.#options, MAX_PAGES)) {
        for (const object of items) objects.set(object.metadata.name, this.#read(object));
        last = metadata;
      }
    } catch (error) {
      throw hasStatus(error, 410) ? new Gone() : error;
    }
    if (last?.continue) throw new Error(`there are more than ${MAX_PAGES * PAGE} objects`);
    this.#objects = objects;
    this.#resourceVersion = last?.resourceVersion;
    this.#current(startedAt);
    this.#tellAll();
    this.#markLoaded();
  }

  /** Resolves when the stream ended in order. */
  async #follow(resourceVersion: string): Promise<void> {
    this.#stopping.signal.throwIfAborted();
    const { path, labelSelector } = this.#options;
    const query = {
      resourceVersion,
      allowWatchBookmarks: 'true',
      timeoutSeconds: WATCH_S,
      ...(labelSelector !== undefined && { labelSelector }),
    };
    await new Promise<void>((resolve, reject) => {
      let stream: AbortController | undefined;
      let failure: unknown;
      let silence: NodeJS.Timeout | undefined;
      const end = (error: unknown): void => {
        clearTimeout(silence);
        this.#stopping.signal.removeEventListener('abort', abort);
        stream?.abort();
        const reason = failure ?? error;
        if (reason === null || reason === undefined) resolve();
        else reject(streamError(reason));
      };
      const fail = (error: unknown): void => {
        failure ??= error;
        end(error);
      };
      const abort = (): void => {
        fail(new Error('stopped'));
      };
      const listen = (): void => {
        clearTimeout(silence);
        silence = setTimeout(() => {
          fail(new Error('the stream went silent'));
        }, this.#bounds.silenceMs);
      };
      this.#stopping.signal.addEventListener('abort', abort, { once: true });
      listen();
      const onEvent = (type: string, object: unknown): void => {
        if (failure !== undefined) return;
        listen();
        try {
          this.#take(type, object);
        } catch (error) {
          fail(error);
        }
      };
      this.#cluster.watch(path, query, { onEvent, onEnd: end }).then((opened) => {
        stream = opened;
        if (failure !== undefined) opened.abort();
      }, fail);
    });
  }

  #take(type: string, object: unknown): void {
    if (type === 'ERROR') {
      const code = isRecord(object) ? Number(object['code']) : 0;
      throw GONE.has(code) ? new Gone() : new KubernetesError(code, 'watch error', this.#options.path);
    }
    const { metadata } = object as KubeObject;
    if (type === 'DELETED') this.#objects.delete(metadata.name);
    else if (type !== 'BOOKMARK') this.#objects.set(metadata.name, this.#read(object as KubeObject));
    this.#resourceVersion = metadata.resourceVersion;
    this.#current(this.#clock.monotonic());
    this.#backoff.reset();
    if (type !== 'BOOKMARK') this.#changed();
  }

  #read(object: KubeObject): T {
    return this.#options.read(object, this.#objects.get(object.metadata.name));
  }

  #current(at: number): void {
    this.#currentAt = at;
    if (this.#away) this.#logger.info('the API server is watched again');
    this.#away = false;
  }

  #changed(): void {
    if (this.#telling) return;
    this.#telling = true;
    setImmediate(() => {
      this.#telling = false;
      this.#tellAll();
    });
  }

  #tellAll(): void {
    for (const listener of this.#listeners) this.#tell(listener);
  }

  #tell(listener: () => void): void {
    try {
      listener();
    } catch (error) {
      this.#logger.error({ err: error }, 'a change could not be taken over');
    }
  }
}

function streamError(error: unknown): Error {
  if (error instanceof KubernetesError && GONE.has(error.status)) return new Gone();
  return error instanceof Error ? error : new Error('the stream broke');
}
