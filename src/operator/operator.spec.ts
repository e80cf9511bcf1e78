import { pino } from 'pino';
import { ApiObjects } from '../../test/support/api-objects.ts';
import { refused } from '../../test/support/api-server.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { aKey } from '../../test/support/manifests.ts';
import {
  NAMESPACE,
  projectContent,
  PROJECTS,
  type Replica,
  startReplica,
} from '../../test/support/operator-replica.ts';
import { LIST } from '../../test/support/rejections-database.ts';
import { until } from '../../test/support/until.ts';
import { SecretString } from '../common/secret-string.ts';
import { LeaseElection } from '../kubernetes/lease-election.ts';
import { COORDINATION_API, pathOf } from '../kubernetes/resource-paths.ts';
import type { ConfigurationKind } from '../manifests/manifest-source.ts';
import type { ActiveSessions } from '../session/active-sessions.ts';
import { Operator, reconcileAsLeader } from './operator.ts';
import { Reconciler } from './reconciler.ts';
import { WorkQueue } from './work-queue.ts';

const LEASES = pathOf(COORDINATION_API, NAMESPACE, 'leases');
const LEASE = `${LEASES}/vestibule-operator`;
/** For which a won lease holds, and for which another's is respected. */
const TERM_MS = 6_000;
const DURATION_MS = 8_000;
const STATUS = `${PROJECTS}/shop/status`;
const KEY_REF = { name: 'shop-key', key: 'apiKey' };
const NEVER_MS = 3_600_000;

/** One that remembers what it was asked to look at. */
class WatchedReconciler extends Reconciler {
  readonly looks: string[] = [];

  override isDue(kind: ConfigurationKind, name: string): boolean {
    this.looks.push(`${kind}/${name}`);
    return super.isDue(kind, name);
  }
}

describe('the operator', () => {
  const clock = new FakeClock();
  let objects: ApiObjects;
  let replica: Replica;
  let reconciler: WatchedReconciler;
  let election: LeaseElection;
  let queue: WorkQueue;
  let operator: Operator;
  /** Keys that were put into the queue. */
  let queued: number;
  let failed: unknown[];
  let elections: number;
  /** Whether the lease can be written, and what lets writes of status through; undefined where nothing holds them. */
  let deaf: boolean;
  let held: (() => void)[] | undefined;

  beforeEach(async () => {
    [queued, failed, elections, deaf, held] = [0, [], 0, false, undefined];
    objects = await ApiObjects.start(async ({ method, path }) => {
      const waiting = held;
      if (path === STATUS && waiting !== undefined) await new Promise<void>((pass) => waiting.push(pass));
      return deaf && method === 'PUT' ? refused(503, 'ServiceUnavailable') : undefined;
    });
    objects.put(`${PROJECTS}/shop`, projectContent('shop'));
    replica = await startReplica(objects, clock);
    await until('both watches are open', () => objects.server.watches.length === 2);
    anOperator();
  });
  afterEach(async () => {
    for (const pass of held ?? []) pass();
    held = undefined;
    replica.database.held?.forEach(({ answer }) => {
      answer();
    });
    await operator.stop();
    replica.stop();
    await objects.close();
  });

  function anOperator(): void {
    const logger = pino({ level: 'silent' });
    const { cluster } = objects.server;
    const lease = { collection: LEASES, name: 'vestibule-operator', identity: 'this', tickMs: 2 };
    election = new LeaseElection(cluster, lease, clock, logger);
    election.onElected(() => (elections += 1));
    reconciler = new WatchedReconciler({ cluster, ...replica }, clock);
    queue = new WorkQueue(
      reconcileAsLeader(election, reconciler),
      { workers: 2, firstBackoffMs: NEVER_MS, mostBackoffMs: NEVER_MS },
      {
        onAdded: () => (queued += 1),
        onDepth: () => undefined,
        onDone: () => undefined,
        onRetried: () => undefined,
        onFailed: (_key, error) => failed.push(error),
      },
      clock,
    );
    const activeSessions = { count: () => Promise.resolve(undefined) } as unknown as ActiveSessions;
    operator = new Operator({ election, activeSessions, reconciler, queue, ...replica }, logger);
  }

  /** Until whoever was called back has done what it does at once. */
  const turns = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  /** Until the election was tried, and what that led to is known, since this was called. */
  const tried = async (): Promise<void> => {
    const enough = objects.writes(LEASE, 'GET').length + 3;
    await until('the election was tried', () => objects.writes(LEASE, 'GET').length >= enough);
  };
  const asked = (): number => replica.database.countOf(LIST);
  /** Answers a question that the database was asked while it was held back, the first being 0. */
  const answer = async (number: number): Promise<void> => {
    (await until(`question ${number} is asked`, () => replica.database.held?.[number])).answer();
  };
  const patches = (): unknown[] => objects.writes(STATUS).map(({ body }) => body);
  const led = (): Promise<true> => until('it leads', () => election.leads && elections > 0);
  const lost = async (): Promise<void> => {
    deaf = true;
    clock.advance(DURATION_MS);
    await tried();
    expect(election.leads).toBe(false);
  };
  const wonAgain = async (): Promise<void> => {
    const before = elections;
    deaf = false;
    await until('it is elected again', () => elections > before);
  };
  const changeKey = (): void => {
    replica.vault.lay(KEY_REF, aKey(), clock.now());
  };
  const refuseKey = (): void => {
    replica.rejections.verdict(replica.vault.find(KEY_REF)!.fingerprint, false);
  };
  const suspend = async (): Promise<void> => {
    objects.put(`${PROJECTS}/shop`, projectContent('shop', { suspended: true }));
    const isSuspended = (): boolean | undefined =>
      replica.registry.snapshot.projectsByName.get('shop')?.spec.suspended;
    await until('the change is known', isSuspended);
  };
  /** The elected one, with nothing left to do. */
  const leading = async (): Promise<void> => {
    changeKey();
    operator.start();
    await led();
    await until('the status is written', () => patches().length === 1);
    const { resourceVersion } = objects.get(`${PROJECTS}/shop`)!.metadata;
    await until(
      'its watch shows that',
      () => replica.manifests.resource('Project', 'shop')?.resourceVersion === resourceVersion,
    );
    reconciler.looks.length = 0;
  };

  describe('by the election', () => {
    it('looks at nothing while another replica leads, whatever changes, and at all once it leads', async () => {
      objects.put(LEASE, { spec: { holderIdentity: 'other' } });
      operator.start();
      await tried();
      changeKey();
      refuseKey();
      await suspend();
      await turns();
      expect([reconciler.looks, queued]).toEqual([[], 0]);
      objects.put(LEASE, { spec: { holderIdentity: '' } });
      await until('the status is written', () => patches().length > 0);
      expect(reconciler.looks).toEqual(['Project/shop']);
    });

    it('looks at nothing any more once it has lost', async () => {
      await leading();
      deaf = true;
      changeKey();
      clock.advance(TERM_MS);
      refuseKey();
      await suspend();
      await turns();
      expect(reconciler.looks).toEqual([]);
    });

    it('writes nothing of what waits still when it leads no more', async () => {
      const work = (leads: boolean): Promise<void> =>
        reconcileAsLeader({ leads }, reconciler)('Project/shop');
      await work(false);
      expect(patches()).toEqual([]);
      await work(true);
      expect(patches()).toHaveLength(1);
    });
  });

  describe('after an election', () => {
    it('queues nothing before it has asked anew for what others met', async () => {
      const key = aKey();
      replica.database.rejected.add(replica.vault.lay(KEY_REF, key).fingerprint);
      replica.database.held = [];
      operator.start();
      await led();
      for (const question of [0, 1]) {
        await until('it is asked', () => asked() === question + 1);
        await suspend();
        replica.vault.lay(KEY_REF, key);
        await turns();
        expect([reconciler.looks, queued]).toEqual([[], 0]);
        await answer(question);
      }
      await until('the status is written', () => patches().length > 0);
      expect(patches()).toMatchObject([{ status: { conditions: [{}, { reason: 'KeyRejected' }] } }]);
    });

    it('queues nothing as long as the database has not answered', async () => {
      replica.database.away = true;
      operator.start();
      await led();
      await until('it is asked', () => asked() === 2);
      changeKey();
      await turns();
      expect([reconciler.looks, queued]).toEqual([[], 0]);
    });

    it('asks anew each time', async () => {
      await leading();
      await lost();
      replica.database.rejected.add(replica.vault.find(KEY_REF)!.fingerprint);
      replica.database.held = [];
      await wonAgain();
      await answer(0);
      await until('it is asked anew', () => replica.database.held?.[1]);
      await suspend();
      await turns();
      expect(reconciler.looks).toEqual([]);
      await answer(1);
      await until('the status is written', () => patches().length > 1);
      expect(patches().slice(1)).toMatchObject([
        { status: { conditions: [{ reason: 'Suspended' }, { reason: 'KeyRejected' }] } },
      ]);
    });

    it('takes no answer to what was asked before it', async () => {
      replica.database.held = [];
      operator.start();
      await led();
      await answer(0);
      await until('it is asked', () => asked() === 2);
      await lost();
      await wonAgain();
      await answer(1);
      changeKey();
      await turns();
      expect([reconciler.looks, queued]).toEqual([[], 0]);
    });
  });

  describe('when something changes', () => {
    it.each<[string, () => void | Promise<void>]>([
      ['a manifest', suspend],
      ['a key', changeKey],
      ['what a provider says of a key', refuseKey],
    ])('looks once, and writes what is so then: %s', async (_what, change) => {
      await leading();
      await change();
      // Long before it would look all the same.
      await turns();
      expect(reconciler.looks).toEqual(['Project/shop']);
      await until('the status is written', () => patches().length === 2);
      expect(reconciler.looks).toEqual(['Project/shop']);
    });

    it('looks once for all that arrives together', async () => {
      await leading();
      replica.registry.onChange(() => {
        changeKey();
        refuseKey();
        changeKey();
        refuseKey();
      });
      await suspend();
      await until('the status is written', () => patches().length === 2);
      expect(reconciler.looks).toEqual(['Project/shop']);
      expect(patches().slice(1)).toMatchObject([
        { status: { conditions: [{ reason: 'Suspended' }, { reason: 'KeyRejected' }] } },
      ]);
    });

    it('looks again for what comes later', async () => {
      await leading();
      changeKey();
      await turns();
      refuseKey();
      await turns();
      expect(reconciler.looks).toEqual(['Project/shop', 'Project/shop']);
    });

    it('queues nothing where that makes no difference', async () => {
      await leading();
      const before = queued;
      replica.rejections.verdict(new SecretString(aKey()).fingerprint(), false);
      await turns();
      expect(reconciler.looks).toEqual(['Project/shop']);
      expect(queued).toBe(before);
    });
  });

  describe('when it is stopped', () => {
    const holderOf = (): unknown =>
      (objects.get(LEASE)?.['spec'] as Record<string, unknown>)['holderIdentity'];
    /** One that writes, which the API server does not answer. */
    const writing = async (): Promise<(() => void)[]> => {
      await leading();
      held = [];
      changeKey();
      await until('it writes', () => held?.[0]);
      return held;
    };

    it('finishes the write that was begun before another may lead', async () => {
      const [pass] = await writing();
      const stopping = operator.stop();
      await tried();
      expect([holderOf(), election.leads]).toEqual(['this', true]);
      pass?.();
      await stopping;
      const { fingerprint } = replica.vault.find(KEY_REF)!;
      expect(objects.get(`${PROJECTS}/shop`)).toMatchObject({ status: { keyFingerprint: fingerprint } });
      expect([holderOf(), election.leads, failed]).toEqual(['', false, []]);
    });

    it('lets another lead after a while though a write hangs', async () => {
      await writing();
      let stopped = false;
      void operator.stop().then(() => (stopped = true));
      await until('it is stopped', () => stopped, 4_000);
      expect(holderOf()).toBe('');
    });

    it('looks at nothing any more', async () => {
      await leading();
      await operator.stop();
      changeKey();
      await suspend();
      await turns();
      expect(reconciler.looks).toEqual([]);
    });
  });
});
