import { FakeClock } from '../../test/support/fake-clock.ts';
import { RequestWindow } from './request-window.ts';

describe('RequestWindow', () => {
  it('is 0 when idle', () => {
    expect(new RequestWindow(new FakeClock()).errorRate()).toBe(0);
  });

  it('is the share of failures over five minutes', () => {
    const clock = new FakeClock();
    const window = new RequestWindow(clock);
    window.count(true);
    clock.advance(200_000);
    for (let request = 0; request < 3; request += 1) window.count(false);
    expect(window.errorRate()).toBe(0.25);
    clock.advance(100_000);
    expect(window.errorRate()).toBe(0);
  });
});
