import { jest } from '@jest/globals';
import { RelayKeeper } from './pages/playground/relay-keeper.ts';

const RELAYS = { iceServers: [{ urls: ['turn:192.0.2.1'] }], ttl: 600, _turn_enabled: true };
const NONE = { iceServers: [{ urls: ['stun:192.0.2.1'] }], ttl: 600, _turn_enabled: false };

describe('who keeps the relays of a call', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it.each([
    ['there are none', () => Promise.resolve(NONE)],
    ['nobody answers', () => Promise.reject(new Error('nobody'))],
  ])('leaves those that it has while %s, and asks again soon', async (_, unlucky) => {
    const answers = [() => Promise.resolve(RELAYS), unlucky, () => Promise.resolve(RELAYS)];
    const given: unknown[] = [];
    let asked = 0;
    const keeper = new RelayKeeper(
      () => answers[asked++]!(),
      (servers) => given.push(servers),
    );
    await jest.advanceTimersByTimeAsync(479_000);
    expect([asked, given.length]).toEqual([1, 1]);
    await jest.advanceTimersByTimeAsync(2_000);
    expect([asked, given.length]).toEqual([2, 1]);
    await jest.advanceTimersByTimeAsync(15_000);
    expect([asked, given.length]).toEqual([3, 2]);
    keeper.stop();
    await jest.advanceTimersByTimeAsync(3_600_000);
    expect(asked).toBe(3);
  });
});
