import { pino } from 'pino';
import {
  type ApiAnswer,
  type ApiRequest,
  type ApiServer,
  refused,
  someMetadata,
  startApiServer,
} from '../../test/support/api-server.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { until } from '../../test/support/until.ts';
import { LeaseElection } from './lease-election.ts';

const COLLECTION = '/apis/coordination.k8s.io/v1/namespaces/vestibule/leases';
const NAME = 'vestibule-operator';
/** How long a lease holds, as others see it, and as its holder does. */
const DURATION_MS = 8_000;
const TERM_MS = 6_000;

interface LeaseSpec {
  holderIdentity?: string;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
  leaseDurationSeconds?: number;
}

interface Replica {
  identity: string;
  election: LeaseElection;
  clock: FakeClock;
  /** How often it was elected. */
  elected: number;
}

/** An API server's one Lease. Who asks for it is the first part of the path. */
class LeaseStore {
  spec: LeaseSpec | undefined;
  /** How often each has looked. */
  readonly looks = new Map<string, number>();
  /** Whose writes fail. */
  readonly unheard = new Set<string>();
  #version = 0;

  put(spec: LeaseSpec): ApiAnswer {
    this.spec = spec;
    this.#version += 1;
    return this.#shown();
  }

  answer(request: ApiRequest): ApiAnswer {
    const who = request.path.split('/')[1] ?? '';
    if (request.method !== 'GET') {
      return this.unheard.has(who) ? refused(503, 'ServiceUnavailable') : this.#write(request);
    }
    this.looks.set(who, this.looksOf(who) + 1);
    return this.spec === undefined ? refused(404, 'NotFound') : this.#shown();
  }

  looksOf(who: string): number {
    return this.looks.get(who) ?? 0;
  }

  #write({ method, path, body }: ApiRequest): ApiAnswer {
    const { metadata, spec } = body as { metadata: { resourceVersion?: string }; spec: LeaseSpec };
    if (method === 'POST' && path.endsWith(COLLECTION)) {
      return this.spec === undefined ? this.put(spec) : refused(409, 'AlreadyExists');
    }
    if (method !== 'PUT' || !path.endsWith(`${COLLECTION}/${NAME}`)) return refused(404, 'NotFound');
    return metadata.resourceVersion === String(this.#version) ? this.put(spec) : refused(409, 'Conflict');
  }

  #shown(): ApiAnswer {
    return { body: { metadata: someMetadata(NAME, String(this.#version)), spec: this.spec } };
  }
}

describe('an election', () => {
  let store: LeaseStore;
  let server: ApiServer;
  let running: Replica[];
  /** Writes that wait for the test to let them through; undefined where none has to. */
  let held: (() => void)[] | undefined;

  beforeEach(async () => {
    store = new LeaseStore();
    running = [];
    held = undefined;
    server = await startApiServer(async (request) => {
      const { method } = request;
      const waiting = held;
      if (method !== 'GET' && waiting !== undefined) await new Promise<void>((pass) => waiting.push(pass));
      return store.answer(request);
    });
  });
  afterEach(async () => {
    await Promise.all(running.map(stopped));
    await server.close();
  });

  function started(identity: string): Replica {
    const clock = new FakeClock();
    const options = { collection: `/${identity}${COLLECTION}`, name: NAME, identity, tickMs: 2 };
    const election = new LeaseElection(server.cluster, options, clock, pino({ level: 'silent' }));
    const replica: Replica = { identity, election, clock, elected: 0 };
    election.onElected(() => (replica.elected += 1));
    running.push(replica);
    election.start();
    return replica;
  }

  async function leading(identity: string): Promise<Replica> {
    const replica = started(identity);
    await until(`${identity} leads`, () => replica.election.leads);
    return replica;
  }

  async function stopped(replica: Replica): Promise<void> {
    running = running.filter((other) => other !== replica);
    await replica.election.stop();
  }

  /** Until each has looked, and has done what it found to do, since this was called. */
  async function round(): Promise<void> {
    // The first may have begun before, and the last tells that the one between is done.
    const enough = running.map(({ identity }) => [identity, store.looksOf(identity) + 3] as const);
    await until('all have looked', () => enough.every(([who, looks]) => store.looksOf(who) >= looks));
  }

  const advance = (milliseconds: number): void => {
    for (const { clock } of running) clock.advance(milliseconds);
  };

  it('is won by who comes first, who says so in the Lease', async () => {
    const { election, elected } = await leading('first');
    expect([election.leads, elected]).toEqual([true, 1]);
    expect(store.spec).toEqual({
      holderIdentity: 'first',
      leaseDurationSeconds: DURATION_MS / 1_000,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    });
  });

  it('is won for as long as the Lease is renewed, and told of once', async () => {
    const first = await leading('first');
    for (let second = 0; second < 20; second += 2) {
      advance(2_000);
      await round();
      expect(first.election.leads).toBe(true);
    }
    expect(first.elected).toBe(1);
    expect(store.spec).toMatchObject({
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:20.000000Z',
      leaseTransitions: 0,
    });
  });

  it.each([
    ['that does not exist', undefined],
    ['that its holder let go', { holderIdentity: '', leaseTransitions: 4 }],
  ])('is won by one of many that want a Lease %s at once', async (_what, spec) => {
    if (spec !== undefined) store.put(spec);
    for (let number = 0; number < 5; number += 1) started(`replica-${number}`);
    await round();
    expect(running.filter(({ election }) => election.leads)).toHaveLength(1);
    expect(running.map(({ elected }) => elected).sort()).toEqual([0, 0, 0, 0, 1]);
    expect(store.spec?.leaseTransitions).toBe(spec === undefined ? 0 : 5);
  });

  it.each([
    ['right', '2026-01-01T00:00:00.000000Z'],
    ['slow by decades', '1999-01-01T00:00:00.000000Z'],
    ['fast by decades', '2099-01-01T00:00:00.000000Z'],
  ])(
    'waits by its own clock until a Lease has not changed for its duration, the holder’s clock being %s',
    async (_what, renewTime) => {
      store.put({ holderIdentity: 'gone', renewTime, leaseTransitions: 1 });
      const { election, clock } = started('next');
      await round();
      clock.advance(DURATION_MS);
      await round();
      expect(election.leads).toBe(false);
      clock.advance(1);
      await until('it leads', () => election.leads);
      expect(store.spec).toMatchObject({ holderIdentity: 'next', leaseTransitions: 2 });
    },
  );

  it('waits anew whenever the Lease was renewed', async () => {
    const spec = { holderIdentity: 'other', renewTime: '2026-01-01T00:00:00.000000Z' };
    store.put(spec);
    const { election, clock } = started('next');
    await round();
    clock.advance(DURATION_MS - 1_000);
    store.put(spec);
    await round();
    clock.advance(DURATION_MS);
    await round();
    expect(election.leads).toBe(false);
    clock.advance(1);
    await until('it leads', () => election.leads);
  });

  it.each([
    ['leads', 'shorter', TERM_MS - 1, true],
    ['does not lead', 'as long', TERM_MS, false],
  ])('is won from when the write was sent: who waits for its answer %s if that took %s', async (...row) => {
    const [, , milliseconds, leads] = row;
    held = [];
    const { election, clock } = started('first');
    const acquired = await until('it acquires', () => held?.[0]);
    clock.advance(milliseconds);
    acquired();
    const renewed = await until('it renews', () => held?.[1]);
    expect(election.leads).toBe(leads);
    held = undefined;
    renewed();
  });

  it('is lost, by who cannot renew, before another may win it', async () => {
    const first = await leading('first');
    const second = started('second');
    store.unheard.add('first');
    await round();
    advance(TERM_MS - 1);
    expect([first.election.leads, second.election.leads]).toEqual([true, false]);
    advance(1);
    expect(first.election.leads).toBe(false);
    advance(DURATION_MS - TERM_MS);
    await round();
    expect(second.election.leads).toBe(false);
    advance(1);
    await until('another leads', () => second.election.leads);
    expect(first.election.leads).toBe(false);
  });

  it('is lost for as long as another leads, and is won and told of again after that', async () => {
    const first = await leading('first');
    const second = started('second');
    store.unheard.add('first');
    await round();
    advance(DURATION_MS + 1);
    await until('another leads', () => second.election.leads);
    store.unheard.clear();
    advance(TERM_MS / 2);
    await round();
    expect([first.election.leads, second.election.leads]).toEqual([false, true]);
    await stopped(second);
    await until('the first leads', () => first.election.leads && first.elected === 2);
    expect(store.spec).toMatchObject({ holderIdentity: 'first', leaseTransitions: 2 });
  });

  it('is won anew, and told of again, by a leader that was paused while others led and let go', async () => {
    const first = await leading('first');
    await round();
    // At once, as it is for a process that did not run meanwhile.
    advance(TERM_MS);
    store.put({ holderIdentity: '', leaseTransitions: 2 });
    await until('it leads again', () => first.election.leads);
    await until('it is told', () => first.elected === 2);
  });

  it('goes on after the API server was away', async () => {
    store.unheard.add('first');
    const first = started('first');
    await round();
    expect(first.election.leads).toBe(false);
    store.unheard.clear();
    await until('it leads', () => first.election.leads);
  });

  it('lets another win at once when the leader stops', async () => {
    const first = await leading('first');
    const second = started('second');
    await round();
    await stopped(first);
    expect(first.election.leads).toBe(false);
    await until('another leads', () => second.election.leads);
    expect(store.spec).toMatchObject({ holderIdentity: 'second', leaseTransitions: 1 });
  });

  it('is told of to nobody, and let go, when it is won while the winner stops', async () => {
    held = [];
    const first = started('first');
    const acquired = await until('it acquires', () => held?.[0]);
    held = undefined;
    const stopping = stopped(first);
    acquired();
    await stopping;
    expect([first.election.leads, first.elected]).toEqual([false, 0]);
    expect(store.spec?.holderIdentity).toBe('');
  });

  it('takes the Lease from nobody when one who does not lead stops', async () => {
    const first = await leading('first');
    const second = started('second');
    await round();
    await stopped(second);
    expect(store.spec?.holderIdentity).toBe('first');
    expect(first.election.leads).toBe(true);
  });

  it('leaves a Lease to who holds it when one stops that believes to lead still', async () => {
    const first = await leading('first');
    store.put({ holderIdentity: 'by hand' });
    expect(first.election.leads).toBe(true);
    await stopped(first);
    expect(store.spec).toEqual({ holderIdentity: 'by hand' });
  });

  it('is over for one from whom the Lease was taken, as soon as it sees that', async () => {
    const first = await leading('first');
    store.put({ holderIdentity: 'by hand' });
    await round();
    expect(first.election.leads).toBe(false);
  });

  it('is over with a stop, also while the API server is away, and is not looked at any more', async () => {
    const first = await leading('first');
    store.unheard.add('first');
    await round();
    await stopped(first);
    expect(first.election.leads).toBe(false);
    expect(store.spec?.holderIdentity).toBe('first');
    const looks = store.looksOf('first');
    started('second');
    await round();
    expect(store.looksOf('first')).toBe(looks);
  });
});
