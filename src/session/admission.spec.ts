import { FakeClock } from '../../test/support/fake-clock.ts';
import { Admission } from './admission.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('Admission', () => {
  let clock: FakeClock;
  let admission: Admission;
  /** Ends of the reservations that wait, the oldest first. */
  let answers: (() => void)[];

  beforeEach(() => {
    clock = new FakeClock();
    admission = new Admission(clock);
    answers = [];
  });

  const wait = (count: number): void => {
    for (let index = 0; index < count; index += 1) {
      void admission.waitFor(new Promise<void>((resolve) => answers.push(resolve)));
    }
  };
  const answer = async (count: number): Promise<void> => {
    for (const resolve of answers.splice(0, count)) resolve();
    await settled();
  };
  /** Batches of a hundred, each after so many milliseconds, with as many that follow. */
  const serve = async (batchMs: number, batches: number): Promise<void> => {
    for (let index = 0; index < batches; index += 1) {
      clock.advance(batchMs);
      await answer(100);
      wait(100);
    }
  };

  it('takes any number at once while it does not know better', () => {
    wait(2_000);
    expect(admission.full).toBe(false);
  });

  it('takes two batches however long they wait', () => {
    wait(200);
    clock.advance(10_000);
    expect(admission.full).toBe(false);
  });

  it('is full while more than these wait for a database that does not answer', async () => {
    wait(300);
    clock.advance(501);
    expect(admission.full).toBe(true);
    await answer(300);
    expect(admission.full).toBe(false);
  });

  it('is full when a new one would wait too long, by what one took of late', async () => {
    wait(200);
    await serve(100, 50);
    expect(admission.full).toBe(false);
    wait(400);
    expect(admission.full).toBe(true);
  });

  it('does not take idle time for slowness', async () => {
    wait(1);
    await answer(1);
    clock.advance(3_600_000);
    wait(100);
    clock.advance(10);
    await answer(100);
    wait(1_000);
    expect(admission.full).toBe(false);
  });

  it.each([1, 5, 150])('does not take what %s at a time wait for what many would', async (together) => {
    for (let round = 0; round < 200; round += 1) {
      wait(together);
      clock.advance(10);
      await answer(together);
    }
    wait(400);
    expect(admission.full).toBe(false);
  });

  it('turns away only whose Authorization was found good of late, or who brings none', () => {
    const seconds = (): number => clock.now() / 1000;
    wait(300);
    clock.advance(501);
    expect(() => {
      admission.admit('Bearer good', seconds() + 3_600);
    }).toThrow(expect.objectContaining({ code: 'unavailable', status: 503 }));
    const turnedAway = (): (number | undefined)[] =>
      [undefined, 'Bearer good', 'Bearer other'].map((each) => admission.turnAway(each));
    expect(turnedAway()).toEqual([0, 0, undefined]);
    clock.advance(60_001);
    expect(() => {
      admission.admit('Bearer newer', seconds() + 3_600);
    }).toThrow();
    expect(turnedAway()).toEqual([0, undefined, undefined]);
  });

  it('leaves it to others to say 401 to whom a token has expired since it was found good', () => {
    wait(300);
    clock.advance(501);
    expect(() => {
      admission.admit('Bearer good', clock.now() / 1000 + 2);
    }).toThrow();
    clock.advance(1_999);
    expect(admission.turnAway('Bearer good')).toBe(0);
    clock.advance(1);
    expect(admission.turnAway('Bearer good')).toBeUndefined();
  });

  it('lets no more than a few refusals for each session be heard at once', async () => {
    wait(200);
    await serve(100, 50);
    wait(400);
    const silences = Array.from({ length: 1_000 }, () => admission.turnAway(undefined) ?? -1);
    expect(silences[0]).toBe(0);
    // 2.5 for each session, one of which takes a millisecond
    expect(silences[500]).toBeGreaterThan(170);
    expect(silences[500]).toBeLessThan(210);
    clock.advance(1_000);
    expect(admission.turnAway(undefined)).toBe(0);
  });
});
