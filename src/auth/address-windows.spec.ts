import { FakeClock } from '../../test/support/fake-clock.ts';
import { AddressWindows } from './address-windows.ts';

describe('AddressWindows', () => {
  it('refuses beyond the limit until the window that the first request began is over', async () => {
    const clock = new FakeClock();
    const windows = new AddressWindows(clock);
    const hit = async (): Promise<boolean> => (await windows.increment('192.0.2.1', 10_000, 2)).isBlocked;
    expect([await hit(), await hit(), await hit()]).toEqual([false, false, true]);
    clock.advance(9_999);
    expect(await hit()).toBe(true);
    clock.advance(1);
    expect(await hit()).toBe(false);
  });

  it('counts each address for itself', async () => {
    const windows = new AddressWindows(new FakeClock());
    await windows.increment('192.0.2.1', 10_000, 1);
    expect((await windows.increment('192.0.2.2', 10_000, 1)).isBlocked).toBe(false);
  });
});
