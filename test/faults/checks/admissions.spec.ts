import { heldByClients, heldByDatabase, type Held, needlessRefusals, overAdmissions } from './admissions.ts';
import type { OpeningFact, SessionFact } from './facts.ts';

const capsOf = () => ({ all: 2, vault: 1 });

const held = (id: string, since: number, until: number, flow: Held['flow'] = 'commercial'): Held => ({
  id,
  project: 'p',
  flow,
  since,
  until,
});
const session = (id: string, openedAt: number, more: Partial<SessionFact> = {}): SessionFact => ({
  id,
  tag: `p-${id}`,
  project: 'p',
  flow: 'commercial',
  openedAt,
  endedAt: null,
  leaseEndsAt: openedAt + 15_000,
  ...more,
});
const opening = (more: Partial<OpeningFact>): OpeningFact => ({
  tag: 'p-x',
  project: 'p',
  flow: 'commercial',
  replica: 0,
  sentAt: 0,
  answeredAt: 10,
  status: 200,
  ...more,
});

describe('over-admission', () => {
  it('is found at the instant at which one more than the cap is live', () => {
    const found = overAdmissions([held('a', 0, 100), held('b', 10, 100), held('c', 99, 120)], capsOf);
    expect(found.map(({ what }) => what)).toEqual([expect.stringMatching(/3 of 2 .* a b c$/)]);
  });

  it('is none where a slot is taken at the instant at which another ends', () => {
    expect(overAdmissions([held('a', 0, 100), held('b', 10, 100), held('c', 100, 120)], capsOf)).toEqual([]);
  });

  it('is found for the share of one flow, too', () => {
    const found = overAdmissions([held('a', 0, 100, 'vault'), held('b', 10, 20, 'vault')], capsOf);
    expect(found.map(({ what }) => what)).toEqual([expect.stringContaining('vault flow: 2 of 1')]);
  });

  it('is counted project by project', () => {
    const other = { ...held('c', 0, 100), project: 'q' };
    expect(overAdmissions([held('a', 0, 100), held('b', 0, 100), other], capsOf)).toEqual([]);
  });

  it('counts a session of the database until it ended or its lease did', () => {
    expect(heldByDatabase([session('a', 0), session('b', 5, { endedAt: 50 })])).toEqual([
      held('a', 0, 15_000),
      held('b', 5, 50),
    ]);
  });

  it('counts a session that a client was granted twice as one, until it first gave it up', () => {
    const granted = { sessionId: 'a', status: 200 };
    const openings = [
      opening({ ...granted, answeredAt: 10, heldUntil: 90 }),
      opening({ ...granted, answeredAt: 30, heldUntil: 70 }),
      opening({ status: 503, answeredAt: 10 }),
    ];
    expect(heldByClients(openings)).toEqual([held('a', 10, 70)]);
  });
});

describe('a refusal for want of a slot', () => {
  const refused = (sentAt: number, answeredAt: number, more: Partial<OpeningFact> = {}): OpeningFact =>
    opening({ status: 429, error: 'concurrency_limit_exceeded', sentAt, answeredAt, ...more });
  const sessions = [session('a', 0, { endedAt: 100 }), session('b', 50, { endedAt: 60 })];

  it('is needless when slots were free all the time', () => {
    expect(needlessRefusals([refused(70, 90)], sessions, capsOf)).toHaveLength(1);
    expect(needlessRefusals([refused(101, 120)], sessions, capsOf)).toHaveLength(1);
  });

  it('is due when all were taken for an instant', () => {
    expect(needlessRefusals([refused(40, 90), refused(55, 58), refused(30, 50)], sessions, capsOf)).toEqual(
      [],
    );
  });

  it('is due when the flow had used up its share', () => {
    const byVault = [session('a', 0, { flow: 'vault', endedAt: 100 })];
    expect(needlessRefusals([refused(10, 20, { flow: 'vault' })], byVault, capsOf)).toEqual([]);
    expect(needlessRefusals([refused(10, 20)], byVault, capsOf)).toHaveLength(1);
  });
});
