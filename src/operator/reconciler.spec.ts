import { ApiObjects } from '../../test/support/api-objects.ts';
import { type ApiAnswer, refused } from '../../test/support/api-server.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { aKey, aTurnSecret } from '../../test/support/manifests.ts';
import {
  CLIENTS,
  EVENTS,
  projectContent,
  PROJECTS,
  type Replica,
  startReplica,
} from '../../test/support/operator-replica.ts';
import { until } from '../../test/support/until.ts';
import type { KubeObject } from '../kubernetes/cluster.ts';
import type { ProjectStatus } from '../projects/resource-status.ts';
import { Reconciler } from './reconciler.ts';
import { TryAgain, WorkQueue } from './work-queue.ts';

const SHOP = `${PROJECTS}/shop`;
const STATUS = `${SHOP}/status`;
const KEY_REF = { name: 'shop-key', key: 'apiKey' };
/** After so many looks in vain, 50 ms apart, what is there is taken to be what the watch shows. */
const MOST_SETTLES = 100;

interface Writer extends Replica {
  reconciler: Reconciler;
  clock: FakeClock;
}

interface Patch {
  metadata: { uid: string; resourceVersion: string };
  status: ProjectStatus;
}

describe('the reconciler', () => {
  let objects: ApiObjects;
  let writers: Writer[];
  /** What is answered to the next writes of a status, without a look at the object. */
  let answers: ApiAnswer[];
  let eventRefusal: ApiAnswer | undefined;

  beforeEach(async () => {
    writers = [];
    answers = [];
    eventRefusal = undefined;
    objects = await ApiObjects.start(({ method, path }) => {
      if (method === 'PATCH') return answers.shift();
      return path === EVENTS ? eventRefusal : undefined;
    });
  });
  afterEach(async () => {
    for (const { stop } of writers) stop();
    await objects.close();
  });

  const aWriter = async (): Promise<Writer> => {
    const clock = new FakeClock();
    const replica = await startReplica(objects, clock);
    const { cluster } = objects.server;
    const writer = { ...replica, clock, reconciler: new Reconciler({ cluster, ...replica }, clock) };
    writers.push(writer);
    await until('both of its watches are open', () => objects.server.watches.length === 2 * writers.length);
    return writer;
  };
  /** One that knows of the project `shop`, which has a key. */
  const withShop = async (): Promise<Writer> => {
    objects.put(SHOP, projectContent('shop'));
    const writer = await aWriter();
    writer.vault.lay(KEY_REF, aKey(), writer.clock.now());
    return writer;
  };
  const shop = (): KubeObject => objects.get(SHOP)!;
  const statusOf = (): ProjectStatus | undefined => shop()['status'] as ProjectStatus | undefined;
  const patches = (path = STATUS): Patch[] => objects.writes(path).map(({ body }) => body as Patch);
  const events = (): KubeObject[] => objects.all(EVENTS);
  /** Until its watch shows the object as it is. */
  const seen = ({ manifests }: Writer): Promise<true> =>
    until('the watch shows it', () => {
      const now = objects.get(SHOP)?.metadata;
      const known = manifests.resource('Project', 'shop');
      return known?.uid === now?.uid && known?.resourceVersion === now?.resourceVersion;
    });
  const reconciled = ({ reconciler }: Writer): Promise<void> => reconciler.reconcile('Project', 'shop');
  /** One with a status that its watch shows. */
  const settled = async (): Promise<Writer> => {
    const writer = await withShop();
    await reconciled(writer);
    await seen(writer);
    return writer;
  };
  const suspend = (): void => {
    objects.put(SHOP, projectContent('shop', { suspended: true }));
  };

  describe('when the status is another', () => {
    it('writes it apart from the resource, for the very object and version that it looked at', async () => {
      const writer = await withShop();
      const { uid, resourceVersion } = shop().metadata;
      expect(writer.reconciler.isDue('Project', 'shop')).toBe(true);
      await reconciled(writer);
      const fingerprint = writer.vault.find(KEY_REF)?.fingerprint;
      const [patch, ...more] = patches();
      expect(patch?.metadata).toEqual({ uid, resourceVersion });
      expect(patch?.status).toMatchObject({
        observedGeneration: 1,
        conditions: [
          { type: 'Ready', status: 'True' },
          { type: 'KeyLoaded', status: 'True' },
        ],
        keyFingerprint: fingerprint,
      });
      expect(more).toEqual([]);
      expect(statusOf()).toEqual(patch?.status);
    });

    it('writes that of a client, too', async () => {
      const client = `${CLIENTS}/till`;
      objects.put(client, {
        spec: { projectRef: { name: 'shop' }, limits: { requests: 5, windowSeconds: 60 } },
      });
      const { reconciler } = await aWriter();
      const { uid, resourceVersion } = objects.get(client)!.metadata;
      expect(reconciler.isDue('Client', 'till')).toBe(true);
      await reconciler.reconcile('Client', 'till');
      expect(patches(`${client}/status`)).toMatchObject([
        { metadata: { uid, resourceVersion }, status: { conditions: [{ reason: 'ProjectNotFound' }] } },
      ]);
    });

    it('tells of it by one Event, also where both conditions changed', async () => {
      const writer = await withShop();
      await reconciled(writer);
      const { uid, resourceVersion } = shop().metadata;
      expect(events()).toMatchObject([
        {
          involvedObject: { kind: 'Project', name: 'shop', uid, resourceVersion },
          type: 'Normal',
          reason: 'Ready',
        },
      ]);
    });

    it('tells of it as a warning where it is ready no more', async () => {
      const writer = await settled();
      await writer.vault.remove(KEY_REF);
      await reconciled(writer);
      expect(statusOf()?.conditions).toMatchObject([{ status: 'False' }, { status: 'False' }]);
      expect(events().slice(1)).toMatchObject([{ type: 'Warning', reason: 'KeyMissing' }]);
    });

    it('tells of relays that lack their secret by a warning, though it is ready, until the secret comes', async () => {
      const secretRef = { name: 'relay', key: 'turnSecret' };
      const turn = { type: 'coturn', urls: ['turn:192.0.2.1'], secretRef };
      const writer = await settled();
      objects.put(SHOP, projectContent('shop', { turn }));
      await seen(writer);
      writer.vault.answer = { reason: 'SecretNotLabelled', message: 'the Secret relay lacks its label' };
      await reconciled(writer);
      const message = 'it opens sessions, but without relays: the Secret relay lacks its label';
      expect(statusOf()?.conditions).toMatchObject([
        { type: 'Ready', status: 'True', reason: 'TurnSecretMissing', message },
        { type: 'KeyLoaded', status: 'True' },
      ]);
      expect(events().slice(1)).toMatchObject([{ type: 'Warning', reason: 'TurnSecretMissing' }]);
      expect(writer.vault.asked).toEqual(['relay/turnSecret']);
      await seen(writer);
      writer.vault.lay(secretRef, aTurnSecret());
      expect(writer.reconciler.isDue('Project', 'shop')).toBe(true);
      await reconciled(writer);
      expect(events().slice(2)).toMatchObject([{ type: 'Normal', reason: 'Ready' }]);
    });

    it('tells that a provider key is no TURN secret', async () => {
      const secretRef = { name: 'thing', key: 'turnKey' };
      const turn = { type: 'static', urls: ['turn:192.0.2.1'], username: 'u', secretRef };
      const writer = await settled();
      writer.vault.lay(secretRef, aKey());
      objects.put(SHOP, projectContent('shop', { turn, keySecretRef: secretRef }));
      await seen(writer);
      await reconciled(writer);
      const message =
        'it opens sessions, but without relays: the entry turnKey of the Secret thing is a provider key';
      expect(statusOf()?.conditions?.[0]).toMatchObject({ reason: 'TurnSecretMissing', message });
    });

    it('tells of nothing where no condition changed', async () => {
      const writer = await settled();
      writer.reconciler.setActiveSessions(() => 3);
      await reconciled(writer);
      expect(statusOf()?.activeSessions).toBe(3);
      expect(events()).toHaveLength(1);
    });

    it('writes it, and is content, though the Event is refused', async () => {
      eventRefusal = refused(403, 'Forbidden');
      const writer = await withShop();
      await reconciled(writer);
      expect(statusOf()?.conditions).toMatchObject([{ status: 'True' }, { status: 'True' }]);
      expect(events()).toEqual([]);
    });

    it('asks why a key is missing before it says so', async () => {
      const writer = await withShop();
      await writer.vault.remove(KEY_REF);
      writer.vault.answer = { reason: 'SecretNotLabelled', message: 'it lacks a label' };
      await reconciled(writer);
      expect(statusOf()?.conditions).toMatchObject([
        { reason: 'SecretNotLabelled' },
        { reason: 'SecretNotLabelled' },
      ]);
    });

    it('fails, and writes no Event, when the write fails', async () => {
      const writer = await withShop();
      answers = [refused(500, 'InternalError')];
      await expect(reconciled(writer)).rejects.toThrow('500');
      expect(events()).toEqual([]);
      await reconciled(writer);
      expect(patches()).toHaveLength(2);
    });
  });

  describe('when there is nothing to write', () => {
    it('writes nothing', async () => {
      const writer = await settled();
      writer.clock.advance(60_000);
      expect(writer.reconciler.isDue('Project', 'shop')).toBe(false);
      await reconciled(writer);
      expect(patches()).toHaveLength(1);
    });

    it('writes nothing where another replica wrote the same', async () => {
      const first = await withShop();
      const second = await aWriter();
      second.clock.advance(5_000);
      second.vault.lay(KEY_REF, first.vault.find(KEY_REF)!.reveal(), second.clock.now());
      await reconciled(first);
      await seen(second);
      await reconciled(second);
      expect(patches()).toHaveLength(1);
    });

    it('writes nothing on what is not there', async () => {
      const { reconciler } = await aWriter();
      expect(reconciler.isDue('Project', 'shop')).toBe(false);
      await reconciler.reconcile('Project', 'shop');
      expect(patches()).toEqual([]);
    });

    it('is content when the resource went before its watch showed that', async () => {
      const writer = await withShop();
      objects.holdWatches();
      objects.remove(SHOP);
      await reconciled(writer);
      expect(patches()).toHaveLength(1);
      expect(events()).toEqual([]);
    });
  });

  describe('after its own write', () => {
    it('writes nothing before its watch shows that', async () => {
      const writer = await withShop();
      objects.holdWatches();
      await reconciled(writer);
      await expect(reconciled(writer)).rejects.toThrow(TryAgain);
      expect(patches()).toHaveLength(1);
      objects.catchUp();
      await seen(writer);
      await reconciled(writer);
      expect(patches()).toHaveLength(1);
      expect(events()).toHaveLength(1);
    });

    it('writes on the version that it made what has changed since', async () => {
      const writer = await withShop();
      objects.holdWatches();
      await reconciled(writer);
      const { uid, resourceVersion } = shop().metadata;
      await writer.vault.remove(KEY_REF);
      await expect(reconciled(writer)).rejects.toThrow(TryAgain);
      objects.catchUp();
      await seen(writer);
      await reconciled(writer);
      expect(patches().slice(1)).toMatchObject([
        { metadata: { uid, resourceVersion }, status: { keyFingerprint: null } },
      ]);
    });

    it('looks again in the end though its watch stays silent, and is refused', async () => {
      const writer = await withShop();
      objects.holdWatches();
      await reconciled(writer);
      for (let look = 0; look < MOST_SETTLES; look += 1) {
        await expect(reconciled(writer)).rejects.toThrow(TryAgain);
      }
      expect(patches()).toHaveLength(1);
      await expect(reconciled(writer)).rejects.toThrow(TryAgain);
      expect(patches()).toHaveLength(2);
      expect(events()).toHaveLength(1);
    });
  });

  describe('when another wrote meanwhile', () => {
    it('asks the API server for nothing before its watch shows another version, but in the end', async () => {
      const writer = await withShop();
      objects.holdWatches();
      suspend();
      await expect(reconciled(writer)).rejects.toThrow(TryAgain);
      const asked = objects.server.requests.length;
      for (let look = 0; look < MOST_SETTLES; look += 1) {
        await expect(reconciled(writer)).rejects.toThrow(TryAgain);
      }
      expect(objects.server.requests).toHaveLength(asked);
      await expect(reconciled(writer)).rejects.toThrow(TryAgain);
      await expect(reconciled(writer)).rejects.toThrow(TryAgain);
      expect(objects.server.requests).toHaveLength(asked + 1);
      expect(statusOf()).toBeUndefined();
    });

    it('plans anew once its watch shows what the other wrote', async () => {
      const writer = await withShop();
      objects.holdWatches();
      suspend();
      await expect(reconciled(writer)).rejects.toThrow(TryAgain);
      objects.catchUp();
      await seen(writer);
      await reconciled(writer);
      expect(statusOf()).toMatchObject({
        observedGeneration: 2,
        conditions: [{ reason: 'Suspended' }, { reason: 'KeyLoaded' }],
      });
      expect(events()).toMatchObject([{ reason: 'Suspended' }]);
    });

    it('plans anew at once where its watch showed that while the write was under way', async () => {
      const writer = await withShop();
      const old = shop();
      suspend();
      const { reconciler } = writer;
      const reconciling = reconciler.reconcile('Project', 'shop');
      await expect(reconciling).rejects.toThrow(TryAgain);
      expect(patches()).toMatchObject([{ metadata: { resourceVersion: old.metadata.resourceVersion } }]);
      await seen(writer);
      await reconciled(writer);
      expect(statusOf()?.observedGeneration).toBe(2);
    });

    it('is done again by the queue, which counts no failure', async () => {
      const writer = await withShop();
      const failed: string[] = [];
      let retried = 0;
      const queue = new WorkQueue(
        () => reconciled(writer),
        { workers: 1, firstBackoffMs: 3_600_000, mostBackoffMs: 3_600_000 },
        {
          onAdded: () => undefined,
          onDepth: () => undefined,
          onDone: () => undefined,
          onRetried: () => (retried += 1),
          onFailed: (key) => failed.push(key),
        },
        writer.clock,
      );
      objects.holdWatches();
      suspend();
      queue.add('Project/shop');
      await until('it was looked at more than once', () => retried > 2);
      expect(patches()).toHaveLength(1);
      objects.catchUp();
      await until('it is written', () => statusOf()?.observedGeneration === 2);
      await queue.stop();
      expect(patches()).toHaveLength(2);
      expect(failed).toEqual([]);
    });

    it('writes nothing on a resource that was made anew under its name, not even in the same version', async () => {
      const writer = await withShop();
      const old = shop();
      objects.holdWatches();
      objects.remove(SHOP);
      objects.turnBackTo(old);
      objects.put(SHOP, projectContent('shop'));
      expect(shop().metadata.resourceVersion).toBe(old.metadata.resourceVersion);
      await expect(reconciled(writer)).rejects.toThrow(TryAgain);
      expect(statusOf()).toBeUndefined();
      expect(events()).toEqual([]);
    });
  });

  describe('a replica that was paused and wakes with an old version', () => {
    /** One that still sees what another replica has written on, and what that has written. */
    const overtaken = async (): Promise<{ paused: Writer; theirs: KubeObject }> => {
      const paused = await withShop();
      const other = await aWriter();
      other.vault.lay(KEY_REF, paused.vault.find(KEY_REF)!.reveal(), other.clock.now());
      other.clock.advance(60_000);
      other.reconciler.setActiveSessions(() => 7);
      objects.holdWatches();
      await reconciled(other);
      return { paused, theirs: shop() };
    };

    it('writes nothing', async () => {
      const { paused, theirs } = await overtaken();
      await expect(reconciled(paused)).rejects.toThrow(TryAgain);
      expect(shop()).toEqual(theirs);
      expect(events()).toHaveLength(1);
    });

    it('writes nothing after its watch has caught up either, where what it knows is the same', async () => {
      const { paused, theirs } = await overtaken();
      await expect(reconciled(paused)).rejects.toThrow(TryAgain);
      objects.catchUp();
      await seen(paused);
      await reconciled(paused);
      expect(shop()).toEqual(theirs);
      expect(patches()).toHaveLength(2);
    });

    it('changes, after its watch has caught up, what then differs and nothing else', async () => {
      const { paused, theirs } = await overtaken();
      paused.reconciler.setActiveSessions(() => 2);
      await expect(reconciled(paused)).rejects.toThrow(TryAgain);
      objects.catchUp();
      await seen(paused);
      await reconciled(paused);
      expect(patches().at(-1)?.metadata.resourceVersion).toBe(theirs.metadata.resourceVersion);
      expect(statusOf()).toEqual({ ...(theirs['status'] as ProjectStatus), activeSessions: 2 });
      expect(events()).toHaveLength(1);
    });
  });

  describe('when a resource is deleted', () => {
    /** Made anew in the very version on which a status was written before. */
    const madeAnew = async (writer: Writer, forget: () => Promise<void> | void): Promise<void> => {
      objects.holdWatches();
      const old = shop();
      await reconciled(writer);
      objects.remove(SHOP);
      objects.catchUp();
      await until('its watch shows that', () => writer.manifests.resource('Project', 'shop') === undefined);
      await forget();
      objects.turnBackTo(old);
      objects.put(SHOP, projectContent('shop'));
      await seen(writer);
    };

    it.each<[string, (writer: Writer) => Promise<void> | void]>([
      [
        'it is told to forget',
        ({ reconciler }) => {
          reconciler.forgetRemoved();
        },
      ],
      ['it is to look at what is gone', reconciled],
    ])('forgets what it wrote on it: %s', async (_what, forget) => {
      const writer = await withShop();
      await madeAnew(writer, () => forget(writer));
      await reconciled(writer);
      expect(statusOf()?.observedGeneration).toBe(1);
    });

    it('forgets nothing of those that are there', async () => {
      const writer = await withShop();
      objects.holdWatches();
      await reconciled(writer);
      writer.reconciler.forgetRemoved();
      await expect(reconciled(writer)).rejects.toThrow(TryAgain);
      expect(patches()).toHaveLength(1);
    });
  });
});
