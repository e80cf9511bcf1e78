import { NotSentError, Submissions, TooBusyError } from './submissions.ts';

describe('Submissions', () => {
  it('answers each of a batch in its order', async () => {
    const submissions = new Submissions<number, string>(10);
    const answers = [1, 2, 3].map((item) => submissions.submit(item));
    const batch = submissions.take(2);
    expect(batch.items).toEqual([1, 2]);
    batch.answer(['one', 'two']);
    expect(await Promise.all(answers.slice(0, 2))).toEqual(['one', 'two']);
    expect(submissions.waiting).toBe(1);
  });

  it('leaves out who is gone before the batch forms', async () => {
    const submissions = new Submissions<number, string>(10);
    const gone = AbortSignal.abort();
    const left = submissions.submit(1, gone);
    void submissions.submit(2);
    expect(submissions.take(1).items).toEqual([2]);
    await expect(left).rejects.toBeInstanceOf(NotSentError);
  });

  it('fails a batch and all who wait behind it', async () => {
    const submissions = new Submissions<number, string>(10);
    const answers = [1, 2].map((item) => submissions.submit(item));
    submissions.take(1).fail(new Error('away'));
    for (const answer of answers) await expect(answer).rejects.toThrow('away');
    expect(submissions.waiting).toBe(0);
  });

  it('counts what is under way as unanswered, until it is answered or failed', async () => {
    const submissions = new Submissions<number, string>(1);
    void submissions.submit(1);
    const batch = submissions.take(1);
    await expect(submissions.submit(2)).rejects.toBeInstanceOf(TooBusyError);
    batch.answer(['one']);
    const next = submissions.submit(3);
    submissions.take(1).answer(['three']);
    expect(await next).toBe('three');
  });
});
