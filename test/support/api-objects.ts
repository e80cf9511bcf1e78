import { isDeepStrictEqual } from 'node:util';
import { isRecord } from '../../src/common/json.ts';
import type { KubeObject } from '../../src/kubernetes/cluster.ts';
import {
  type ApiAnswer,
  type ApiRequest,
  type ApiScript,
  type ApiServer,
  refused,
  startApiServer,
  type WatchStream,
} from './api-server.ts';

type Content = Record<string, unknown>;

interface Change {
  collection: string;
  version: number;
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  object: KubeObject;
}

/** A collection, the name of an object of it, and what of that object. */
const PATH = /^(?<collection>.*\/namespaces\/[^/]+\/[^/]+)(?:\/(?<name>[^/]+))?(?<status>\/status)?$/;
const CREATED = Date.parse('2026-01-01T00:00:00Z');

/**
 * Objects as the API server keeps them: each write has a version, a spec has generations, status is written apart, and a
 * write that names another `uid` or `resourceVersion` than the object's is refused.
 */
export class ApiObjects {
  readonly #objects = new Map<string, KubeObject>();
  readonly #changes: Change[] = [];
  readonly #shown = new WeakMap<WatchStream, number>();
  readonly #intercept: ApiScript;
  #server: ApiServer | undefined;
  #version = 0;
  #uids = 0;
  #lags = false;

  private constructor(intercept: ApiScript) {
    this.#intercept = intercept;
  }

  /** What `intercept` answers is answered; the rest is what the objects are. */
  static async start(intercept: ApiScript = () => undefined): Promise<ApiObjects> {
    const objects = new ApiObjects(intercept);
    objects.#server = await startApiServer(async (request) => {
      const intercepted = await objects.#intercept(request);
      return intercepted ?? objects.answer(request);
    });
    return objects;
  }

  get server(): ApiServer {
    if (this.#server === undefined) throw new Error('it is not started');
    return this.#server;
  }

  close(): Promise<void> {
    return this.server.close();
  }

  /** What was asked to be written under a path, in order. */
  writes(path: string, method = 'PATCH'): ApiRequest[] {
    return this.server.requests.filter((one) => one.method === method && one.path === path);
  }

  get(path: string): KubeObject | undefined {
    return this.#objects.get(path);
  }

  all(collection: string): KubeObject[] {
    return [...this.#objects].filter(([path]) => path.startsWith(`${collection}/`)).map(([, one]) => one);
  }

  /** Somebody else makes an object, or writes fields of it. */
  put(path: string, content: Content): KubeObject {
    const { collection, name } = parts(path);
    const before = this.#objects.get(path);
    return before === undefined
      ? this.#create(collection, name, content)
      : this.#store(path, before, { ...before, ...content });
  }

  /** Somebody else removes an object. */
  remove(path: string): void {
    const object = this.#objects.get(path);
    if (object === undefined) return;
    this.#objects.delete(path);
    this.#changed(parts(path).collection, 'DELETED', versioned(object, this.#nextVersion()));
  }

  /** As after a restore from a backup: the next object made has this version. */
  turnBackTo({ metadata: { resourceVersion } }: KubeObject): void {
    this.#version = Number(resourceVersion) - 1;
  }

  /** Watches show nothing more until they catch up. */
  holdWatches(): void {
    this.#lags = true;
  }

  catchUp(): void {
    this.#lags = false;
    this.#show();
  }

  answer(request: ApiRequest): ApiAnswer | undefined {
    const { method, path, query, body } = request;
    if (query.get('watch') === 'true') {
      // Once it is open.
      setImmediate(() => {
        this.#show();
      });
      return undefined;
    }
    const { collection, name } = parts(path);
    if (name === '') return this.#answerCollection(method, collection, body as KubeObject);
    const object = this.#objects.get(path.replace(/\/status$/, ''));
    if (object === undefined) return refused(404, 'NotFound');
    return method === 'GET' ? { body: object } : this.#write(request, object);
  }

  #answerCollection(method: string, collection: string, body: KubeObject): ApiAnswer {
    if (method === 'GET') {
      const metadata = { resourceVersion: String(this.#changes.length) };
      return { body: { metadata, items: this.all(collection) } };
    }
    const { metadata, ...content } = body;
    if (this.#objects.has(`${collection}/${metadata.name}`)) return refused(409, 'AlreadyExists');
    return { status: 201, body: this.#create(collection, metadata.name, content) };
  }

  #write({ method, path, body }: ApiRequest, object: KubeObject): ApiAnswer {
    const { metadata = {}, ...content } = body as Content & { metadata?: Partial<KubeObject['metadata']> };
    const { uid = object.metadata.uid, resourceVersion = object.metadata.resourceVersion } = metadata;
    if (uid !== object.metadata.uid || resourceVersion !== object.metadata.resourceVersion) {
      return refused(409, 'Conflict');
    }
    const { collection, name, status } = parts(path);
    const fields = Object.keys(content).filter((field) => !status || field === 'status');
    const written = fields.map((field) => [
      field,
      method === 'PATCH' ? merged(object[field], content[field]) : content[field],
    ]);
    return {
      body: this.#store(`${collection}/${name}`, object, { ...object, ...Object.fromEntries(written) }),
    };
  }

  #create(collection: string, name: string, content: Content): KubeObject {
    this.#uids += 1;
    const metadata = {
      name,
      uid: `uid-${this.#uids}`,
      resourceVersion: this.#nextVersion(),
      generation: 1,
      creationTimestamp: new Date(CREATED + this.#uids * 1_000).toISOString(),
    };
    const object = { ...content, metadata };
    this.#objects.set(`${collection}/${name}`, object);
    this.#changed(collection, 'ADDED', object);
    return object;
  }

  /** A write that changes nothing has no version. */
  #store(path: string, before: KubeObject, after: KubeObject): KubeObject {
    if (isDeepStrictEqual(before, after)) return before;
    const { generation = 1 } = before.metadata;
    const same = isDeepStrictEqual(before['spec'], after['spec']);
    const metadata = { ...before.metadata, generation: same ? generation : generation + 1 };
    const object = versioned({ ...after, metadata }, this.#nextVersion());
    this.#objects.set(path, object);
    this.#changed(parts(path).collection, 'MODIFIED', object);
    return object;
  }

  #nextVersion(): string {
    this.#version += 1;
    return String(this.#version);
  }

  #changed(collection: string, type: Change['type'], object: KubeObject): void {
    this.#changes.push({ collection, version: this.#changes.length + 1, type, object });
    this.#show();
  }

  /** Tells each watch what it has not been told. */
  #show(): void {
    if (this.#lags) return;
    for (const watch of this.server.watches) {
      const from = this.#shown.get(watch) ?? Number(watch.query.get('resourceVersion'));
      const news = this.#changes.filter((one) => one.collection === watch.path && one.version > from);
      this.#shown.set(watch, this.#changes.length);
      if (watch.isOpen && news.length > 0)
        watch.send(...news.map(({ type, object }) => [type, object] as [string, unknown]));
    }
  }
}

function parts(path: string): { collection: string; name: string; status: boolean } {
  const { collection = '', name = '', status } = PATH.exec(path)?.groups ?? {};
  return { collection, name, status: status !== undefined };
}

function versioned(object: KubeObject, resourceVersion: string): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

/** RFC 7386. */
function merged(before: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const result: Content = isRecord(before) ? { ...before } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(result, field);
    else result[field] = merged(result[field], value);
  }
  return result;
}
