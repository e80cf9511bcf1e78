import { jest } from '@jest/globals';

import type { ConversationItem } from '../simulator/events.ts';
import { mint } from '../simulator/ga-answer.ts';
import { Items, MAX_ITEMS_BYTES } from '../simulator/items.ts';
import { MAX_SECRETS_BYTES, Secrets } from '../simulator/secrets.ts';
import { LONGEST_TURN_MS, SpeechDetector } from '../simulator/speech.ts';

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
