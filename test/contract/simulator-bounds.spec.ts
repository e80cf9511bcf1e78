import { LONGEST_TURN_MS, SpeechDetector } from '../simulator/speech.ts';

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
});
