import { pino } from 'pino';
import { ApiObjects } from '../../test/support/api-objects.ts';
import { type ApiAnswer, refused, type WatchStream } from '../../test/support/api-server.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { CLIENTS, NAMESPACE, projectContent, PROJECTS } from '../../test/support/operator-replica.ts';
import { until } from '../../test/support/until.ts';
import type { FieldEdit } from '../manifests/manifest.ts';
import { ClusterManifests } from './cluster-manifests.ts';

const SHOP = `${PROJECTS}/shop`;
const id = { kind: 'Project', name: 'shop' } as const;
const suspension: FieldEdit = { path: ['spec', 'suspended'], value: true };

describe('the manifests in a cluster', () => {
  let objects: ApiObjects;
  let manifests: ClusterManifests;
  /** How often listeners were told. */
  let told: number;
  /** What is answered to the next POST, GET and so on, without a look at the objects. */
  let answers: Partial<Record<string, ApiAnswer>>;

  beforeEach(async () => {
    answers = {};
    told = 0;
    objects = await ApiObjects.start(({ method, path }) => (path === SHOP ? answers[method] : undefined));
    manifests = new ClusterManifests(
      objects.server.cluster,
      NAMESPACE,
      new FakeClock(),
      pino({ level: 'silent' }),
    );
  });
  afterEach(async () => {
    manifests.stop();
    await objects.close();
  });

  const started = async (): Promise<void> => {
    await manifests.start();
    await manifests.loaded;
    manifests.onChange(() => (told += 1));
    await until('both watches are open', () => objects.server.watches.length === 2);
  };
  /** Until the watch shows an object as it is. */
  const seen = (path = SHOP): Promise<true> => {
    const kind = path.startsWith(CLIENTS) ? 'Client' : 'Project';
    const { name, uid, resourceVersion } = objects.get(path)!.metadata;
    return until('the watch shows it', () => {
      const resource = manifests.resource(kind, name);
      return resource?.uid === uid && resource.resourceVersion === resourceVersion;
    });
  };
  /** Whether a write has resolved, once the API server has answered what was asked after it. */
  const isDone = async (write: Promise<void>): Promise<boolean> => {
    let done = false;
    void write.then(() => (done = true));
    await objects.server.cluster.find(`${PROJECTS}/another`);
    await new Promise((resolve) => setImmediate(resolve));
    return done;
  };
  const watchOfProjects = (): WatchStream => objects.server.watches.find(({ path }) => path === PROJECTS)!;
  const names = (): string[] => manifests.list('Project').map(({ name }) => name);

  describe('as they are read', () => {
    it('are the oldest first, as somebody wrote them, without status', async () => {
      const client = { spec: { projectRef: { name: 'shop' } } };
      objects.put(`${PROJECTS}/zoo`, projectContent('zoo'));
      objects.put(SHOP, { ...projectContent('shop'), status: { observedGeneration: 1 } });
      objects.put(`${CLIENTS}/till`, client);
      await started();
      expect(names()).toEqual(['zoo', 'shop']);
      const { apiVersion, kind, spec } = projectContent('shop');
      expect(manifests.list('Project')[1]).toMatchObject({
        kind: 'Project',
        source: 'Project/shop',
        createdAt: Date.parse(objects.get(SHOP)!.metadata.creationTimestamp),
      });
      expect(manifests.list('Project')[1]?.document).toEqual({
        apiVersion,
        kind,
        metadata: { name: 'shop' },
        spec,
      });
      expect(manifests.list('Client')[0]?.document).toMatchObject({ kind: 'Client', ...client });
    });

    it('are another object once the spec is another, which is told', async () => {
      objects.put(SHOP, projectContent('shop'));
      await started();
      const [before] = manifests.list('Project');
      objects.put(SHOP, projectContent('shop', { suspended: true }));
      await seen();
      await until('it is told', () => told === 1);
      expect(manifests.list('Project')[0]).not.toBe(before);
      expect(manifests.list('Project')[0]?.document).toMatchObject({ spec: { suspended: true } });
    });

    it('stay the same object, and are told of to nobody, when the status alone changes', async () => {
      objects.put(SHOP, projectContent('shop'));
      await started();
      const list = manifests.list('Project');
      const [manifest] = list;
      objects.put(SHOP, { status: { activeSessions: 3 } });
      await seen();
      expect(manifests.resource('Project', 'shop')?.status).toEqual({ activeSessions: 3 });
      objects.put(`${PROJECTS}/zoo`, projectContent('zoo'));
      await until('what follows is told', () => told > 0);
      expect(told).toBe(1);
      expect(list).toEqual([manifest]);
      expect(manifests.list('Project')[0]).toBe(manifest);
    });

    it('are others when they were made anew in the same generation while nothing was shown', async () => {
      objects.put(SHOP, projectContent('shop', { suspended: true }));
      await started();
      objects.holdWatches();
      objects.remove(SHOP);
      objects.put(SHOP, projectContent('shop'));
      watchOfProjects().send(['ERROR', { kind: 'Status', code: 410 }]);
      await until('it is told', () => told > 0);
      expect(manifests.list('Project')[0]?.document).toEqual({
        ...projectContent('shop'),
        metadata: { name: 'shop' },
      });
    });

    it('are gone, and that is told, when they are deleted', async () => {
      objects.put(SHOP, projectContent('shop'));
      await started();
      objects.remove(SHOP);
      await until('it is told', () => told === 1);
      expect(names()).toEqual([]);
      expect(manifests.resource('Project', 'shop')).toBeUndefined();
    });
  });

  describe('as they are made', () => {
    it('are there, and told of, once that resolves', async () => {
      await started();
      const { spec } = projectContent('shop');
      await manifests.create(id, { spec });
      expect(names()).toEqual(['shop']);
      expect(told).toBe(1);
      expect(objects.get(SHOP)).toMatchObject({
        apiVersion: 'vestibule.dev/v1alpha1',
        kind: 'Project',
        spec,
      });
    });

    it('are left as they are where somebody else was faster, and are there once that resolves', async () => {
      await started();
      objects.holdWatches();
      const theirs = objects.put(SHOP, projectContent('shop', { suspended: true }));
      const creating = manifests.create(id, projectContent('shop'));
      await until('it was looked at', () => objects.writes(SHOP, 'GET').length === 1);
      expect(await isDone(creating)).toBe(false);
      objects.catchUp();
      await creating;
      expect(objects.get(SHOP)).toEqual(theirs);
      expect(manifests.list('Project')[0]?.document).toMatchObject({ spec: { suspended: true } });
    });

    it('are not, where somebody else was faster and has gone', async () => {
      await started();
      objects.put(SHOP, projectContent('shop'));
      answers = { GET: refused(404, 'NotFound') };
      await expect(manifests.create(id, projectContent('shop'))).rejects.toMatchObject({ status: 409 });
    });

    it('are not, where the API server refuses them', async () => {
      objects.put(SHOP, projectContent('shop'));
      await started();
      answers = { PATCH: refused(422, 'Invalid') };
      await expect(manifests.edit(id, [suspension])).rejects.toMatchObject({ status: 422 });
      expect(objects.get(SHOP)?.['spec']).toEqual(projectContent('shop')['spec']);
    });
  });

  describe('as they are edited', () => {
    it('have what was edited and the rest as it was, once that resolves', async () => {
      objects.put(SHOP, projectContent('shop', { tokensNotBefore: '2026-01-01T00:00:00Z' }));
      await started();
      await manifests.edit(id, [
        suspension,
        { path: ['spec', 'tokensNotBefore'], value: undefined },
        { path: ['spec', 'limits', 'requests'], value: 5 },
      ]);
      const { spec } = projectContent('shop', { suspended: true, limits: { requests: 5 } });
      expect(objects.get(SHOP)?.['spec']).toEqual(spec);
      expect(manifests.list('Project')[0]?.document['spec']).toEqual(spec);
      expect(told).toBe(1);
    });

    it('are not where there is none, and none is made', async () => {
      await started();
      await expect(manifests.edit(id, [suspension])).rejects.toMatchObject({ status: 404 });
      expect(objects.all(PROJECTS)).toEqual([]);
    });

    it('are not where one is gone that the watch shows still', async () => {
      objects.put(SHOP, projectContent('shop'));
      await started();
      objects.holdWatches();
      objects.remove(SHOP);
      await expect(manifests.edit(id, [suspension])).rejects.toMatchObject({ status: 404 });
      expect(objects.all(PROJECTS)).toEqual([]);
    });

    it('are read back in the generation that was written, not in an older one', async () => {
      objects.put(SHOP, projectContent('shop'));
      await started();
      objects.holdWatches();
      const older = objects.put(SHOP, { status: { activeSessions: 1 } });
      const editing = manifests.edit(id, [suspension]);
      await until('it is written', () => objects.get(SHOP)?.metadata.generation === 2);
      watchOfProjects().send(['MODIFIED', older]);
      const { resourceVersion } = older.metadata;
      await until('the watch shows the older one', () => {
        return manifests.resource('Project', 'shop')?.resourceVersion === resourceVersion;
      });
      expect(await isDone(editing)).toBe(false);
      objects.catchUp();
      await editing;
      expect(manifests.list('Project')[0]?.document).toMatchObject({ spec: { suspended: true } });
    });

    it('are read back as the very object that was written, not as one that had its name before', async () => {
      objects.put(SHOP, projectContent('shop'));
      objects.put(SHOP, projectContent('shop', { tokensNotBefore: '2026-01-01T00:00:00Z' }));
      await started();
      objects.holdWatches();
      objects.remove(SHOP);
      objects.put(SHOP, projectContent('shop'));
      const editing = manifests.edit(id, [suspension]);
      await until('it is written', () => objects.get(SHOP)?.metadata.generation === 2);
      await until('it is answered', () => objects.writes(SHOP).length === 1);
      expect(manifests.resource('Project', 'shop')?.generation).toBe(2);
      expect(await isDone(editing)).toBe(false);
      objects.catchUp();
      await editing;
      expect(manifests.list('Project')[0]?.document).toMatchObject({ spec: { suspended: true } });
    });
  });
});
