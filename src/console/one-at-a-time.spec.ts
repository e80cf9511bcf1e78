import { setImmediate } from 'node:timers/promises';
import { OneAtATime } from './pages/dashboard/one-at-a-time.ts';

/** Questions that a test answers, in the order they were asked, and what was shown of them. */
function asked() {
  const open: PromiseWithResolvers<number>[] = [];
  const shown: unknown[] = [];
  const show = (each: unknown): void => {
    shown.push(each);
  };
  const list = new OneAtATime(
    () => {
      const question = Promise.withResolvers<number>();
      open.push(question);
      return question.promise;
    },
    show,
    show,
  );
  const answer = async (index: number): Promise<void> => {
    open[index]?.resolve(index);
    await setImmediate();
  };
  return { list, open, shown, answer };
}

describe('a list that is loaded again and again', () => {
  it('shows every answer, though there is a reason for the next before it comes', async () => {
    const { list, open, shown, answer } = asked();
    for (let index = 0; index < 5; index += 1) {
      list.reload();
      list.reload();
      await answer(index);
    }
    expect(shown).toEqual([0, 1, 2, 3, 4]);
    expect(open).toHaveLength(6);
  });

  it('is asked for once at a time, and once more however many reasons came meanwhile', async () => {
    const { list, open, answer } = asked();
    for (let reason = 0; reason < 20; reason += 1) list.reload();
    expect(open).toHaveLength(1);
    await answer(0);
    expect(open).toHaveLength(2);
    await answer(1);
    expect(open).toHaveLength(2);
    list.reload();
    expect(open).toHaveLength(3);
  });

  it('is asked for again after a failure, which is told', async () => {
    const { list, open, shown, answer } = asked();
    const error = new Error('away');
    list.reload();
    list.reload();
    open[0]?.reject(error);
    await setImmediate();
    expect(shown).toEqual([error]);
    await answer(1);
    expect(shown).toEqual([error, 1]);
  });

  it('tells nothing once it is stopped, and is not asked for again', async () => {
    const { list, open, shown, answer } = asked();
    list.reload();
    list.reload();
    list.stop();
    await answer(0);
    expect(shown).toEqual([]);
    expect(open).toHaveLength(1);
  });
});
