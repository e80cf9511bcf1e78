import { randomBytes } from 'node:crypto';
import type { HeldKey, Planned } from '../projects/plan.ts';
import type { ProjectStatus } from '../projects/resource-status.ts';
import { nextClientStatus, nextProjectStatus, statusPatch } from './next-status.ts';

const EARLIER = Date.parse('2026-03-01T10:00:00.750Z');
const NOW = EARLIER + 60_000;

const ready: Planned = { type: 'Ready', status: 'True', reason: 'Ready', message: 'it opens sessions' };
const suspended: Planned = { type: 'Ready', status: 'False', reason: 'Suspended', message: 'suspended' };
const keyLoaded: Planned = { type: 'KeyLoaded', status: 'True', reason: 'KeyLoaded', message: 'in use' };

function aHeldKey(loadedAt = EARLIER): HeldKey {
  return { fingerprint: `sha256:${randomBytes(8).toString('hex')}`, loadedAt };
}

interface Observed {
  planned?: Planned[];
  key?: HeldKey | undefined;
  activeSessions?: number | undefined;
  generation?: number;
  now?: number;
}

function next(before: unknown, observed: Observed): ReturnType<typeof nextProjectStatus> {
  const { planned = [ready, keyLoaded], generation = 1, now = NOW, key, activeSessions } = observed;
  return nextProjectStatus(before, planned, { key, activeSessions }, { generation, now });
}

/** The status that a resource got earlier. */
function statusOf(observed: Observed): ProjectStatus {
  return next(undefined, { now: EARLIER, ...observed })!.status;
}

describe('the next status of a project', () => {
  const key = aHeldKey();

  it('is, for a resource without one, all that is known', () => {
    const change = next(undefined, { key, activeSessions: 2, generation: 3, now: EARLIER });
    const both = { observedGeneration: 3, lastTransitionTime: '2026-03-01T10:00:00Z' };
    const conditions = [
      { ...ready, ...both },
      { ...keyLoaded, ...both },
    ];
    expect(change).toEqual({
      status: {
        observedGeneration: 3,
        conditions,
        keyFingerprint: key.fingerprint,
        keyLoadedAt: '2026-03-01T10:00:00Z',
        activeSessions: 2,
      },
      transitions: conditions,
    });
  });

  it('is none when nothing changed, whatever the time', () => {
    const before = statusOf({ key, activeSessions: 2 });
    expect(next(before, { key, activeSessions: 2, now: NOW })).toBeUndefined();
  });

  it.each<[string, Planned, boolean]>([
    ['its status flips', suspended, true],
    ['its reason changes', { ...ready, reason: 'KeyLoaded' }, false],
    ['its message changes', { ...ready, message: 'another' }, false],
  ])('moves the time of a condition only with its status: %s', (_what, condition, moves) => {
    const before = statusOf({ planned: [ready] });
    const after = next(before, { planned: [condition] })?.status.conditions?.[0];
    expect(after).toMatchObject(condition);
    expect(after?.lastTransitionTime === before.conditions?.[0]?.lastTransitionTime).toBe(!moves);
  });

  it.each<[string, Planned, number]>([
    ['another status', suspended, 1],
    ['another reason', { ...ready, reason: 'KeyLoaded' }, 1],
    ['another message alone', { ...ready, message: 'another' }, 0],
  ])('tells of the conditions that have another status or reason: %s', (_what, condition, told) => {
    const before = statusOf({ planned: [ready, keyLoaded] });
    const change = next(before, { planned: [condition, keyLoaded] });
    expect(change?.transitions).toEqual(change?.status.conditions?.slice(0, told));
  });

  it('follows the generation, also where nothing else changes, and tells of no transition', () => {
    const before = statusOf({ generation: 1 });
    const change = next(before, { generation: 2 });
    expect(change?.status.observedGeneration).toBe(2);
    expect(change?.status.conditions?.map((one) => one.observedGeneration)).toEqual([2, 2]);
    expect(change?.transitions).toEqual([]);
  });

  it('keeps the time at which a key was loaded, though another replica loaded it at another', () => {
    const before = statusOf({ key });
    const theirs = { ...key, loadedAt: key.loadedAt + 5_000 };
    expect(next(before, { key: theirs })).toBeUndefined();
  });

  it('takes the time of another key', () => {
    const other = aHeldKey(NOW);
    const { status } = next(statusOf({ key }), { key: other })!;
    expect(status).toMatchObject({ keyFingerprint: other.fingerprint, keyLoadedAt: '2026-03-01T10:01:00Z' });
  });

  it('tells nothing of a key that is gone', () => {
    const { status } = next(statusOf({ key }), { key: undefined })!;
    expect(Object.keys(status)).toEqual(['observedGeneration', 'conditions']);
  });

  it('counts live sessions, none too', () => {
    const before = statusOf({ activeSessions: 7 });
    expect(next(before, { activeSessions: 0 })?.status.activeSessions).toBe(0);
  });

  it('keeps the live sessions while they are unknown', () => {
    expect(next(statusOf({ activeSessions: 7 }), {})).toBeUndefined();
  });

  it('keeps the live sessions while they are unknown, also when something else changes', () => {
    const before = statusOf({ activeSessions: 7 });
    expect(next(before, { planned: [suspended] })?.status.activeSessions).toBe(7);
  });

  it('bounds a message by what the API server takes', () => {
    const planned = [{ ...ready, message: 'x'.repeat(40_000) }];
    expect(statusOf({ planned }).conditions?.[0]?.message).toHaveLength(32_768);
    expect(next(statusOf({ planned }), { planned })).toBeUndefined();
  });
});

describe('the next status of a client', () => {
  it('has conditions alone, and none when nothing changed', () => {
    const first = nextClientStatus(undefined, [ready], { generation: 1, now: EARLIER });
    expect(first?.status).toEqual({
      observedGeneration: 1,
      conditions: [{ ...ready, observedGeneration: 1, lastTransitionTime: '2026-03-01T10:00:00Z' }],
    });
    expect(nextClientStatus(first?.status, [ready], { generation: 1, now: NOW })).toBeUndefined();
  });
});

describe('the patch of a status', () => {
  it('removes the fields that go, for a merge keeps what is not named', () => {
    const key = aHeldKey();
    const before = statusOf({ key, activeSessions: 1 });
    const { status } = next(before, { key: undefined })!;
    expect(statusPatch(status, before)).toEqual({ ...status, keyFingerprint: null, keyLoadedAt: null });
  });

  it('removes fields that nobody knows any more, and nothing where there was no status', () => {
    const status = statusOf({});
    expect(statusPatch(status, { ...status, phase: 'Running' })).toEqual({ ...status, phase: null });
    expect(statusPatch(status, undefined)).toEqual(status);
  });
});
