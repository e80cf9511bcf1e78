import { pino } from 'pino';
import {
  type ApiAnswer,
  type ApiServer,
  refused,
  someMetadata,
  startApiServer,
  type WatchStream,
} from '../../test/support/api-server.ts';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { until } from '../../test/support/until.ts';
import type { KubeObject } from './cluster.ts';
import { WatchedList, type WatchBounds } from './watched-list.ts';

const PATH = '/api/v1/namespaces/keys/secrets';
/** Of a stream that a test leaves silent, it says so itself. */
const BOUNDS: WatchBounds = { silenceMs: 60_000, backoff: { firstMs: 2, mostMs: 20 } };
/** The time after which the API server ends a watch. */
const WATCH_MS = 10_000;

/** What is kept of an object in these tests: what it is, and what was kept of it before. */
interface Kept {
  uid: string;
  version: string;
  before: string | undefined;
}

function read({ metadata: { uid, resourceVersion } }: KubeObject, before: Kept | undefined): Kept {
  return { uid, version: resourceVersion, before: before?.version };
}

const anObject = (
  name: string,
  resourceVersion: string,
  uid?: string,
): { metadata: KubeObject['metadata'] } => ({
  metadata: someMetadata(name, resourceVersion, uid),
});

function aPage(resourceVersion: string, items: unknown[] = [], next?: string): ApiAnswer {
  return { body: { metadata: { resourceVersion, ...(next !== undefined && { continue: next }) }, items } };
}

describe('a watched list', () => {
  const clock = new FakeClock();
  let server: ApiServer;
  let list: WatchedList<Kept>;
  /** What lists are answered, in order; the last one again and again. */
  let lists: (ApiAnswer | Promise<ApiAnswer>)[];
  /** What watches are answered before they are opened. */
  let refusals: ApiAnswer[];

  beforeEach(async () => {
    lists = [aPage('10')];
    refusals = [];
    server = await startApiServer(({ query }) => {
      if (query.get('watch') === 'true') return refusals.shift();
      return lists.length > 1 ? lists.shift() : lists[0];
    });
    list = aList();
  });
  afterEach(async () => {
    list.stop();
    await server.close();
  });

  const aList = (bounds: Partial<WatchBounds> = {}, labelSelector?: string): WatchedList<Kept> =>
    new WatchedList(
      server.cluster,
      {
        path: PATH,
        read,
        bounds: { ...BOUNDS, ...bounds },
        ...(labelSelector !== undefined && { labelSelector }),
      },
      clock,
      pino({ level: 'silent' }),
    );
  const stream = (number = 0): Promise<WatchStream> =>
    until(`watch ${number} is opened`, () => server.watches[number]);
  const started = (): Promise<WatchStream> => {
    list.start();
    return stream();
  };
  const versions = (): string[] => list.values().map(({ version }) => version);
  const has = (name: string, version: string): Promise<true> =>
    until(`${name} has version ${version}`, () => list.get(name)?.version === version || undefined);
  const listings = (): number => server.requests.filter(({ query }) => !query.has('watch')).length;

  describe('when it begins', () => {
    it('reads page by page, then watches from the version that was listed', async () => {
      lists = [
        aPage('10', [anObject('a', '1')], 'second'),
        aPage('10', [anObject('b', '2')], 'third'),
        aPage('10', [anObject('c', '3')]),
      ];
      const { query } = await started();
      expect(versions()).toEqual(['1', '2', '3']);
      expect(server.requests.slice(0, 3).map((request) => Object.fromEntries(request.query))).toEqual([
        { limit: '500' },
        { limit: '500', continue: 'second' },
        { limit: '500', continue: 'third' },
      ]);
      expect(Object.fromEntries(query)).toEqual({
        watch: 'true',
        resourceVersion: '10',
        allowWatchBookmarks: 'true',
        timeoutSeconds: '10',
      });
    });

    it('lists and watches what has its labels', async () => {
      list = aList({}, 'vestibule.dev/vault=true');
      await started();
      expect(server.requests.map(({ query }) => query.get('labelSelector'))).toEqual([
        'vestibule.dev/vault=true',
        'vestibule.dev/vault=true',
      ]);
    });

    it('shows nothing of a list before all of it is there', async () => {
      let answer: (page: ApiAnswer) => void = () => undefined;
      lists = [
        aPage('10', [anObject('a', '1')], 'second'),
        new Promise<ApiAnswer>((resolve) => (answer = resolve)),
      ];
      list.start();
      await until('the second page is asked for', () => listings() === 2);
      expect(versions()).toEqual([]);
      expect(list.currentAt()).toBe(Number.NEGATIVE_INFINITY);
      answer(aPage('10', [anObject('b', '2')]));
      await list.loaded;
      expect(versions()).toEqual(['1', '2']);
    });

    it('is as current as the moment at which the list was asked for', async () => {
      let answer: (page: ApiAnswer) => void = () => undefined;
      lists = [new Promise<ApiAnswer>((resolve) => (answer = resolve))];
      const askedAt = clock.monotonic();
      list.start();
      await until('it is asked for', () => listings() === 1);
      clock.advance(500);
      answer(aPage('10'));
      await list.loaded;
      expect(list.currentAt()).toBe(askedAt);
    });

    it('waits for an API server that is away, and begins once it is back', async () => {
      lists = [
        refused(503, 'ServiceUnavailable'),
        refused(500, 'InternalError'),
        aPage('10', [anObject('a', '1')]),
      ];
      list.start();
      await list.loaded;
      expect(versions()).toEqual(['1']);
    });

    it('begins again with a list whose next page has expired', async () => {
      lists = [
        aPage('10', [anObject('gone', '1')], 'second'),
        refused(410, 'Expired'),
        aPage('12', [anObject('a', '11')]),
      ];
      const { query } = await started();
      expect(versions()).toEqual(['11']);
      expect(server.requests[2]?.query.has('continue')).toBe(false);
      expect(query.get('resourceVersion')).toBe('12');
    });
  });

  describe('while it watches', () => {
    it('takes what is added, modified and deleted', async () => {
      lists = [aPage('10', [anObject('a', '1'), anObject('b', '2')])];
      const { send } = await started();
      send(
        ['ADDED', anObject('c', '11')],
        ['MODIFIED', anObject('a', '12')],
        ['DELETED', anObject('b', '13')],
      );
      await has('a', '12');
      expect(versions()).toEqual(['12', '11']);
      expect(list.get('b')).toBeUndefined();
    });

    it('knows an object’s last version when it reads the next', async () => {
      lists = [aPage('10', [anObject('a', '1')])];
      const { send } = await started();
      send(['MODIFIED', anObject('a', '11')]);
      await has('a', '11');
      expect(list.get('a')?.before).toBe('1');
    });

    it('takes an object that was made anew under its name for another', async () => {
      lists = [aPage('10', [anObject('a', '1', 'first')])];
      const { send } = await started();
      send(['DELETED', anObject('a', '11', 'first')], ['ADDED', anObject('a', '12', 'second')]);
      await has('a', '12');
      expect(list.values()).toEqual([{ uid: 'second', version: '12', before: undefined }]);
    });

    it('tells of changes that arrive together together', async () => {
      const { send } = await started();
      let told = 0;
      list.onChange(() => (told += 1));
      send(['ADDED', anObject('a', '11')], ['ADDED', anObject('b', '12')], ['ADDED', anObject('c', '13')]);
      await until('it is told', () => told > 0);
      expect(versions()).toEqual(['11', '12', '13']);
      expect(told).toBe(1);
    });

    it('tells once those who want to know once, unless they call it off', async () => {
      const { send } = await started();
      const told: string[] = [];
      list.onceChanged(() => told.push('once'));
      list.onceChanged(() => told.push('never'))();
      list.onChange(() => told.push('always'));
      send(['ADDED', anObject('a', '11')]);
      await until('it is told', () => told.includes('always'));
      send(['MODIFIED', anObject('a', '12')]);
      await until('it is told again', () => told.length === 3);
      expect(told).toEqual(['once', 'always', 'always']);
    });

    it('goes on when a listener throws, and tells the others', async () => {
      const { send } = await started();
      const told: string[] = [];
      list.onChange(() => {
        throw new Error('not taken over');
      });
      list.onChange(() => told.push('other'));
      send(['ADDED', anObject('a', '11')]);
      await until('it is told', () => told.length === 1);
      send(['ADDED', anObject('b', '12')]);
      await until('it is told again', () => told.length === 2);
      expect(server.watches).toHaveLength(1);
    });

    it('is current as of each bookmark, and tells nobody', async () => {
      const { send, cut } = await started();
      let told = 0;
      list.onChange(() => (told += 1));
      const before = list.currentAt();
      clock.advance(3_000);
      send(['BOOKMARK', { metadata: { resourceVersion: '25' } }]);
      await until('it is current', () => list.currentAt() === before + 3_000);
      cut();
      expect((await stream(1)).query.get('resourceVersion')).toBe('25');
      expect(told).toBe(0);
      expect(versions()).toEqual([]);
    });

    it('is current as of each event', async () => {
      const { send } = await started();
      clock.advance(3_000);
      send(['ADDED', anObject('a', '11')]);
      await has('a', '11');
      expect(list.currentAt()).toBe(clock.monotonic());
    });
  });

  describe('when a watch ends', () => {
    it('goes on from the version that it has, and is current if the watch lasted its time', async () => {
      const { send, end } = await started();
      send(['ADDED', anObject('a', '11')]);
      await has('a', '11');
      clock.advance(WATCH_MS);
      end();
      expect((await stream(1)).query.get('resourceVersion')).toBe('11');
      expect(list.currentAt()).toBe(clock.monotonic());
      expect(listings()).toBe(1);
    });

    it('is no more current than before if the watch ended before its time', async () => {
      const { end } = await started();
      const before = list.currentAt();
      clock.advance(WATCH_MS / 2);
      end();
      await stream(1);
      expect(list.currentAt()).toBe(before);
    });

    it('goes on from the version that it has when the connection breaks', async () => {
      const { send, cut } = await started();
      send(['ADDED', anObject('a', '11')]);
      await has('a', '11');
      cut();
      const next = await stream(1);
      expect(next.query.get('resourceVersion')).toBe('11');
      next.send(['ADDED', anObject('b', '12')]);
      await has('b', '12');
      expect(listings()).toBe(1);
    });

    it('goes on from the version that it has after a failure of the API server', async () => {
      const { send } = await started();
      send(['ERROR', { kind: 'Status', code: 500, reason: 'InternalError' }]);
      expect((await stream(1)).query.get('resourceVersion')).toBe('10');
      expect(listings()).toBe(1);
    });

    it('takes nothing more from a stream that told of an error', async () => {
      const { send } = await started();
      send(['ERROR', { kind: 'Status', code: 500 }], ['ADDED', anObject('late', '11')]);
      expect((await stream(1)).query.get('resourceVersion')).toBe('10');
      expect(list.get('late')).toBeUndefined();
    });

    it('tries again while watches are refused', async () => {
      refusals = [refused(503, 'ServiceUnavailable'), refused(429, 'TooManyRequests')];
      const { query } = await started();
      expect(query.get('resourceVersion')).toBe('10');
      expect(listings()).toBe(1);
    });

    it('gives up a stream that says nothing, and goes on from the version that it has', async () => {
      list = aList({ silenceMs: 30 });
      const silent = await started();
      const next = await stream(1);
      expect(next.query.get('resourceVersion')).toBe('10');
      await until('the silent one is closed', () => !silent.isOpen);
    });

    it.each([
      ['an event says that its version is too old', 410],
      ['an event says that its version is of the future', 504],
    ])('lists again when %s', async (_what, code) => {
      lists = [
        aPage('10', [anObject('gone', '1'), anObject('kept', '2')]),
        aPage('40', [anObject('kept', '30')]),
      ];
      const { send } = await started();
      let told = false;
      list.onChange(() => (told = true));
      send(['ERROR', { kind: 'Status', code }]);
      expect((await stream(1)).query.get('resourceVersion')).toBe('40');
      await until('it is told', () => told);
      expect(list.values()).toEqual([{ uid: 'uid-kept', version: '30', before: '2' }]);
    });

    it.each([
      ['too old', refused(410, 'Expired')],
      ['of the future', refused(504, 'Timeout')],
    ])('lists again when a watch is refused because its version is %s', async (_what, refusal) => {
      lists = [aPage('10', [anObject('gone', '1')]), aPage('40', [anObject('new', '30')])];
      refusals = [refusal];
      const { query } = await started();
      expect(query.get('resourceVersion')).toBe('40');
      expect(versions()).toEqual(['30']);
    });

    it('keeps what it has while it cannot list again', async () => {
      lists = [aPage('10', [anObject('a', '1')]), refused(503, 'ServiceUnavailable')];
      const { send } = await started();
      send(['ERROR', { kind: 'Status', code: 410 }]);
      await until('it was tried three times', () => listings() > 3);
      expect(versions()).toEqual(['1']);
      lists = [aPage('40', [anObject('a', '30')])];
      await has('a', '30');
    });
  });

  describe('when it is stopped', () => {
    it('closes its stream, asks for nothing more and tells nobody', async () => {
      const watch = await started();
      let told = false;
      list.onChange(() => (told = true));
      watch.send(['ADDED', anObject('a', '11')]);
      list.stop();
      await until('the stream is closed', () => !watch.isOpen);
      expect(server.requests).toHaveLength(2);
      expect(told).toBe(false);
    });

    it('opens no watch when it was about to', async () => {
      let answer: (page: ApiAnswer) => void = () => undefined;
      lists = [new Promise<ApiAnswer>((resolve) => (answer = resolve))];
      list.start();
      await until('it is asked for', () => listings() === 1);
      list.stop();
      answer(aPage('10'));
      await list.loaded;
      // A list that starts now would have its watch later than the one that was stopped.
      const other = aList();
      other.start();
      await stream();
      other.stop();
      expect(server.requests.filter(({ query }) => query.has('watch'))).toHaveLength(1);
    });

    it('asks for nothing more while the API server is away', async () => {
      list = aList({ backoff: { firstMs: 60_000, mostMs: 60_000 } });
      lists = [refused(503, 'ServiceUnavailable')];
      list.start();
      await until('it was refused', () => listings() === 1);
      list.stop();
      lists = [aPage('10')];
      const other = aList();
      other.start();
      await stream();
      other.stop();
      expect(server.requests).toHaveLength(3);
    });
  });
});
