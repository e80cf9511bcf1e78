import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { FakeClock } from '../../test/support/fake-clock.ts';
import { ACCEPT, LIST, REJECT, RejectionsDatabase } from '../../test/support/rejections-database.ts';
import { until } from '../../test/support/until.ts';
import { KeyRejections } from './key-rejections.ts';

const FRESH_MS = 4_000;

interface Known {
  database: RejectionsDatabase;
  clock: FakeClock;
  rejections: KeyRejections;
  /** How often listeners were told. */
  told: () => number;
}

function aFingerprint(): string {
  return `sha256:${randomBytes(8).toString('hex')}`;
}

/** What a replica knows where others met these. */
function known(...rejected: string[]): Known {
  const database = new RejectionsDatabase();
  for (const fingerprint of rejected) database.rejected.add(fingerprint);
  const clock = new FakeClock();
  const rejections = new KeyRejections(database.database, clock, pino({ level: 'silent' }));
  let times = 0;
  rejections.onChange(() => (times += 1));
  return { database, clock, rejections, told: () => times };
}

/** Holds statements back; gives the one of this number, once it is sent. */
function holding(database: RejectionsDatabase): (number: number) => Promise<{ answer: () => void }> {
  database.held = [];
  return (number) => until(`statement ${number} is sent`, () => database.held?.[number]);
}

const sent = ({ statements }: RejectionsDatabase, number: number): Promise<true> =>
  until(`${number} statements are sent`, () => statements.length === number);

describe('the keys that providers rejected', () => {
  describe('as other replicas met them', () => {
    it('are known once the database was asked, which whoever listens is told', async () => {
      const [theirs, other] = [aFingerprint(), aFingerprint()];
      const { rejections, told } = known(theirs);
      expect(rejections.isRejected(theirs)).toBe(false);
      expect(await rejections.refresh()).toBe(true);
      expect([theirs, other].map((one) => rejections.isRejected(one))).toEqual([true, false]);
      expect(told()).toBe(1);
    });

    it('are rejected no more once the database says so', async () => {
      const theirs = aFingerprint();
      const { database, rejections, told } = known(theirs);
      await rejections.refresh();
      database.rejected.clear();
      await rejections.refresh(0);
      expect(rejections.isRejected(theirs)).toBe(false);
      expect(told()).toBe(2);
    });

    it('are told of where one took the place of another', async () => {
      const [first, second] = [aFingerprint(), aFingerprint()];
      const { database, rejections, told } = known(first);
      await rejections.refresh();
      database.rejected.clear();
      database.rejected.add(second);
      await rejections.refresh(0);
      expect([first, second].map((one) => rejections.isRejected(one))).toEqual([false, true]);
      expect(told()).toBe(2);
    });

    it('are told of to nobody where they are the same', async () => {
      const { rejections, told } = known(aFingerprint(), aFingerprint());
      await rejections.refresh();
      await rejections.refresh(0);
      expect(told()).toBe(1);
    });

    it('are asked for once in a while, and once by all who ask at the same time', async () => {
      const { database, clock, rejections } = known();
      expect(await Promise.all([rejections.refresh(), rejections.refresh()])).toEqual([true, true]);
      clock.advance(FRESH_MS - 1);
      expect(await rejections.refresh()).toBe(true);
      expect(database.countOf(LIST)).toBe(1);
      clock.advance(1);
      await rejections.refresh();
      expect(database.countOf(LIST)).toBe(2);
    });

    it('are asked for at once by who wants no older answer', async () => {
      const { database, rejections } = known();
      await rejections.refresh();
      await rejections.refresh(0);
      expect(database.countOf(LIST)).toBe(2);
    });

    it('are those of the later question where an earlier one is answered last', async () => {
      const theirs = aFingerprint();
      const { database, rejections, told } = known();
      const statement = holding(database);
      const early = rejections.refresh();
      const first = await statement(0);
      database.rejected.add(theirs);
      const late = rejections.refresh(0);
      (await statement(1)).answer();
      expect(await late).toBe(true);
      first.answer();
      expect(await early).toBe(true);
      expect(rejections.isRejected(theirs)).toBe(true);
      expect(told()).toBe(1);
    });
  });

  describe('while the database is away', () => {
    it('stay as they were, and whoever asks is told that it did not answer', async () => {
      const theirs = aFingerprint();
      const { database, rejections, told } = known(theirs);
      await rejections.refresh();
      database.away = true;
      expect(await rejections.refresh(0)).toBe(false);
      expect(rejections.isRejected(theirs)).toBe(true);
      expect(told()).toBe(1);
    });

    it('are not known, and are once it is back', async () => {
      const theirs = aFingerprint();
      const { database, clock, rejections } = known(theirs);
      database.away = true;
      expect(await rejections.refresh()).toBe(false);
      database.away = false;
      clock.advance(FRESH_MS);
      expect(await rejections.refresh()).toBe(true);
      expect(rejections.isRejected(theirs)).toBe(true);
    });

    it('are not asked for more often than at other times', async () => {
      const { database, rejections } = known();
      database.away = true;
      expect([await rejections.refresh(), await rejections.refresh()]).toEqual([false, false]);
      expect(database.countOf(LIST)).toBe(1);
    });

    it('are those that this replica meets', async () => {
      const [mine, next] = [aFingerprint(), aFingerprint()];
      const { database, rejections } = known();
      database.away = true;
      rejections.verdict(mine, false);
      await sent(database, 1);
      database.away = false;
      rejections.verdict(next, false);
      await until('what follows is written', () => database.rejected.has(next));
      expect([mine, next].map((one) => rejections.isRejected(one))).toEqual([true, true]);
    });
  });

  describe('as this replica meets them', () => {
    it('are known at once, told of, and written for the others', async () => {
      const mine = aFingerprint();
      const { database, rejections, told } = known();
      rejections.verdict(mine, false);
      expect(rejections.isRejected(mine)).toBe(true);
      expect(told()).toBe(1);
      await until('it is written', () => database.rejected.has(mine));
    });

    it('are taken back by a session that the provider opened with one', async () => {
      const theirs = aFingerprint();
      const { database, rejections, told } = known(theirs);
      await rejections.refresh();
      rejections.verdict(theirs, true);
      expect(rejections.isRejected(theirs)).toBe(false);
      expect(told()).toBe(2);
      await until('it is written', () => !database.rejected.has(theirs));
    });

    it('are written once, and told of once, however often one is refused', async () => {
      const mine = aFingerprint();
      const { database, rejections, told } = known();
      for (let time = 0; time < 3; time += 1) rejections.verdict(mine, false);
      await rejections.refresh();
      expect(database.statements).toEqual([REJECT, LIST]);
      expect(told()).toBe(1);
    });

    it('cost nothing where a key that nobody rejected is taken', async () => {
      const { database, rejections, told } = known();
      rejections.verdict(aFingerprint(), true);
      await rejections.refresh();
      expect(database.statements).toEqual([LIST]);
      expect(told()).toBe(0);
    });

    it('are written one after the other, so that the last verdict stays', async () => {
      const mine = aFingerprint();
      const { database, rejections } = known();
      const statement = holding(database);
      rejections.verdict(mine, false);
      rejections.verdict(mine, true);
      rejections.verdict(mine, false);
      for (const [number, name] of [REJECT, ACCEPT, REJECT].entries()) {
        const { answer } = await statement(number);
        expect(database.statements).toHaveLength(number + 1);
        expect(database.statements[number]).toBe(name);
        answer();
      }
      await until('the last is written', () => database.rejected.has(mine));
    });

    it('are asked for after what was met before is written', async () => {
      const mine = aFingerprint();
      const { database, rejections } = known();
      const statement = holding(database);
      rejections.verdict(mine, false);
      const refreshed = rejections.refresh();
      (await statement(0)).answer();
      (await statement(1)).answer();
      expect(await refreshed).toBe(true);
      expect(database.statements).toEqual([REJECT, LIST]);
      expect(rejections.isRejected(mine)).toBe(true);
    });

    it.each([
      ['a refusal', false],
      ['an acceptance', true],
    ])(
      'are not what an older answer says: %s while the database was being asked',
      async (_what, accepted) => {
        const mine = aFingerprint();
        const { database, rejections, told } = known(...(accepted ? [mine] : []));
        await rejections.refresh();
        const before = told();
        const statement = holding(database);
        const refreshed = rejections.refresh(0);
        const { answer } = await statement(0);
        rejections.verdict(mine, accepted);
        answer();
        await refreshed;
        expect(rejections.isRejected(mine)).toBe(!accepted);
        expect(told()).toBe(before + 1);
      },
    );

    it('leave unknown what others met, when one comes while the database is asked for the first time', async () => {
      const theirs = aFingerprint();
      const { database, rejections } = known(theirs);
      const statement = holding(database);
      const refreshed = rejections.refresh();
      const { answer } = await statement(0);
      rejections.verdict(aFingerprint(), false);
      answer();
      expect(await refreshed).toBe(false);
      expect(rejections.isRejected(theirs)).toBe(false);
      (await statement(1)).answer();
      database.held = undefined;
      expect(await rejections.refresh(0)).toBe(true);
      expect(rejections.isRejected(theirs)).toBe(true);
    });
  });
});
