import { jest } from '@jest/globals';

import { Call, CALL_LIMITS } from '../simulator/call.ts';
import { Calls } from '../simulator/calls.ts';
import type { ConversationItem } from '../simulator/events.ts';
import { mint } from '../simulator/ga-answer.ts';
import { Items, MAX_ITEMS_BYTES } from '../simulator/items.ts';
import type { Peer } from '../simulator/peer.ts';
import { MAX_SECRETS_BYTES, Secrets } from '../simulator/secrets.ts';
import { LONGEST_TURN_MS, SpeechDetector } from '../simulator/speech.ts';
import { RealtimeCaller } from '../support/realtime-caller.ts';

const KEY_FINGERPRINT = 'sha256:0123456789abcdef';

const session = (instructions: string): unknown => ({
  session: { type: 'realtime', model: 'gpt-realtime', instructions },
});

describe('what the provider simulator holds', () => {
  describe('of speech whose time stands still', () => {
    const packet = { timestamp: 0, level: 0 };

    it('ends the turn by the clock', () => {
      let now = 0;
      const speech = new SpeechDetector(() => now);
      const started = [1, 2, 3].map(() => speech.heard(packet, 500));
      expect(started).toEqual([undefined, undefined, 'started']);
      now = LONGEST_TURN_MS - 1;
      expect(speech.heard(packet, 500)).toBeUndefined();
      now = LONGEST_TURN_MS;
      expect(speech.heard(packet, 500)).toBe('stopped');
    });

    it('is no more with every packet', () => {
      const speech = new SpeechDetector(() => 0);
      const before = process.memoryUsage().heapUsed;
      for (let count = 0; count < 8_000_000; count += 1) speech.heard(packet, 500);
      // Eight bytes for each would be 64 MB.
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(32_000_000);
      expect(speech.speaking).toBe(true);
    });
  });

  it('is of a conversation as many bytes as it may be, the last ones', () => {
    const items = new Items();
    const itemOf = (id: string): ConversationItem => ({
      id,
      type: 'message',
      role: 'user',
      content: [{ type: 'input_text', text: 'x'.repeat(60_000) }],
    });
    const ids = Array.from({ length: 100 }, (_, index) => `item_${index}`);
    for (const id of ids) items.add(itemOf(id));
    const kept = ids.filter((id) => items.find(id) !== undefined);
    expect(kept).toEqual(ids.slice(-Math.floor(MAX_ITEMS_BYTES / 60_100)));

    // What was deleted counts no more.
    for (const id of kept.slice(1)) items.remove(id);
    items.add(itemOf('new'));
    expect(items.find(kept[0])).toBeDefined();
  });

  it('is of secrets as many bytes as it may be, the last ones', () => {
    const secrets = new Secrets();
    const minted = Array.from({ length: 40 }, () => mint(session('x'.repeat(1_000_000))));
    for (const one of minted) secrets.keep(one, KEY_FINGERPRINT);
    expect(secrets.size).toBe(Math.floor(MAX_SECRETS_BYTES / 1_001_000));
    expect(secrets.find(minted[0]?.value)).toBeUndefined();
    expect(secrets.find(minted.at(-1)?.value)?.session).toEqual(minted.at(-1)?.session);
  });

  it('is no secret that has expired', () => {
    const secrets = new Secrets();
    secrets.keep(mint({}), KEY_FINGERPRINT);
    secrets.keep(mint({ expires_after: { anchor: 'created_at', seconds: 7_200 } }), KEY_FINGERPRINT);
    const now = Date.now();
    const clock = jest.spyOn(Date, 'now').mockReturnValue(now + 601_000);
    try {
      secrets.keep(mint({}), KEY_FINGERPRINT);
    } finally {
      clock.mockRestore();
    }
    expect(secrets.size).toBe(2);
  });
});

describe('a call of the provider simulator that has ended', () => {
  const secret = { session: mint({}).session, expiresAt: 0, keyFingerprint: KEY_FINGERPRINT };
  const ended: string[] = [];

  function callTo(sent: string[], close: () => Promise<void>): { call: Call; peer: Peer } {
    const call = new Call(secret, {
      limits: CALL_LIMITS,
      audio: 'track',
      ended: ({ id }) => ended.push(id),
    });
    const peer = { send: (text: string) => sent.push(text), waiting: () => 0, close };
    return { call, peer };
  }

  it('answers nothing that still comes', async () => {
    const sent: string[] = [];
    const { call, peer } = callTo(sent, () => Promise.resolve());
    await call.connect(peer);
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    await call.close();
    const before = timers();
    call.opened();
    call.message('{"type":"response.create"}');
    for (let timestamp = 0; timestamp < 9_600; timestamp += 960) call.heard({ timestamp, level: 0 });
    call.alive();
    expect(sent).toEqual([]);
    expect(timers()).toBe(before);
  });

  it('leaves no timer when it ends in the middle of an answer', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const { call, peer } = callTo([], () => Promise.resolve());
    await call.connect({
      ...peer,
      send: () => {
        call.gone();
      },
    });
    call.message('{"type":"response.create"}');
    await call.close();
    expect(timers()).toBe(before);
  });

  it('has ended also when its connection cannot be closed', async () => {
    const { call, peer } = callTo([], () => Promise.reject(new Error('cannot be closed')));
    await call.connect(peer);
    call.gone();
    await call.close();
    expect(ended).toContain(call.id);
  });

  it('is given to nobody when it ended before it was answered', async () => {
    const caller = new RealtimeCaller();
    const calls = new Calls('127.0.0.1');
    try {
      const offer = await caller.offer();
      await import('werift');
      const made = calls.make(offer, secret);
      // It is answered within one turn of the loop, by many promises.
      for (let steps = 0; calls.counts().open === 0 && steps < 10_000; steps += 1) await Promise.resolve();
      await calls.hangUpAll();
      expect(await made).toMatchObject({ status: 503 });
      expect(calls.counts()).toEqual({ made: 0, open: 0 });
    } finally {
      await calls.stop();
      await caller.close();
    }
  });
});
