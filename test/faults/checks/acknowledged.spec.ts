import { endsNotKept, replaysThatDiffer, sessionsWithoutRow } from './acknowledged.ts';
import type { AuditFact, OpeningFact, SessionFact } from './facts.ts';

const granted: OpeningFact = {
  tag: 'p-1',
  project: 'p',
  flow: 'vault',
  replica: 0,
  sentAt: 0,
  answeredAt: 10,
  status: 200,
  sessionId: 'ses_1',
};
const session: SessionFact = {
  id: 'ses_1',
  tag: 'p-1',
  project: 'p',
  flow: 'vault',
  openedAt: 5,
  endedAt: 100.5,
  leaseEndsAt: 15_000,
};
const recorded = (event: AuditFact['event']): AuditFact => ({
  event,
  sessionId: 'ses_1',
  tag: 'p-1',
  key: 'k',
  committedAt: 6,
});
const audit = [recorded('vault_key_loaded'), recorded('session_created')];

describe('an acknowledged session', () => {
  it('has its row and its records', () => {
    expect(sessionsWithoutRow([granted], [session], audit)).toEqual([]);
  });

  it('is missed without its row', () => {
    expect(sessionsWithoutRow([granted], [], audit)).toHaveLength(1);
  });

  it('is missed without one of its records, or with one twice', () => {
    expect(sessionsWithoutRow([granted], [session], [audit[0]!])).toHaveLength(1);
    expect(sessionsWithoutRow([granted], [session], [audit[1]!])).toHaveLength(1);
    expect(sessionsWithoutRow([granted], [session], [...audit, audit[1]!])).toHaveLength(1);
  });

  it('is the one that was asked for', () => {
    expect(sessionsWithoutRow([granted], [{ ...session, tag: 'p-2' }], audit)).toHaveLength(1);
    expect(sessionsWithoutRow([granted], [{ ...session, project: 'q' }], audit)).toHaveLength(1);
  });

  it('is not looked for where another answer was given', () => {
    expect(sessionsWithoutRow([{ ...granted, status: 503 }], [], [])).toEqual([]);
  });
});

describe('a repetition under one Idempotency-Key', () => {
  const under = (sessionId: string, idempotencyKey = 'again'): OpeningFact => ({
    ...granted,
    sessionId,
    idempotencyKey,
  });

  it('gives the same session', () => {
    expect(replaysThatDiffer([under('ses_1'), under('ses_1'), under('ses_2', 'other')])).toEqual([]);
  });

  it('is found when it gave another', () => {
    expect(replaysThatDiffer([under('ses_1'), under('ses_2')])).toHaveLength(1);
  });

  it('is found when it was a conflict with what had been granted, not when it came before', () => {
    const conflict = { ...under('ses_1'), status: 409 };
    expect(replaysThatDiffer([under('ses_1'), { ...conflict, sentAt: 20 }])).toHaveLength(1);
    expect(replaysThatDiffer([under('ses_1'), { ...conflict, sentAt: 5 }])).toEqual([]);
  });
});

describe('a session that was said to have ended', () => {
  it('had ended by then', () => {
    expect(endsNotKept([{ ...granted, toldEndedAt: 100 }], [session])).toEqual([]);
  });

  it('is found when it ended later, or not at all', () => {
    expect(endsNotKept([{ ...granted, toldEndedAt: 90 }], [session])).toHaveLength(1);
    expect(endsNotKept([{ ...granted, toldEndedAt: 100 }], [{ ...session, endedAt: null }])).toHaveLength(1);
    expect(endsNotKept([{ ...granted, toldEndedAt: 100 }], [])).toHaveLength(1);
  });
});
