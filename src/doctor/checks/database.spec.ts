import type { ServerFacts } from '../../database/server-facts.ts';
import { judgeServer, reachFix } from './database.ts';

const SOUND: ServerFacts = {
  version: 180_001,
  readOnly: false,
  fsync: true,
  fullPageWrites: true,
  synchronousCommit: 'on',
  isolation: 'read committed',
  used: 12,
  usable: 97,
  allowed: undefined,
  pooled: false,
  encrypted: true,
};
const SETTINGS = { production: true, databasePool: 10, databasePrepared: 'on' as const };

describe('the judgement on a database server', () => {
  it('has nothing to say against a sound one', () => {
    expect(judgeServer(SOUND, SETTINGS)).toEqual([
      { status: 'ok', message: 'PostgreSQL 18, 12 of 97 connections in use' },
    ]);
  });

  it.each<[Partial<ServerFacts>, string, RegExp]>([
    [{ version: 140_012 }, 'error', /PostgreSQL 14 is too old/],
    [{ readOnly: true }, 'error', /standby/],
    [{ fsync: false }, 'error', /fsync is off: .*crash/],
    [{ fullPageWrites: false }, 'error', /full_page_writes is off/],
    [{ synchronousCommit: 'off' }, 'error', /synchronous_commit is off/],
    [{ isolation: 'serializable' }, 'error', /serializable/],
    [{ usable: 9, used: 0 }, 'error', /VESTIBULE_DB_POOL is 10, .* 9 connections/],
    [{ allowed: 5 }, 'error', /VESTIBULE_DB_POOL is 10, .* 5 connections/],
    [{ used: 90 }, 'warning', /90 of 97 connections/],
    [{ pooled: true }, 'warning', /prepared statements/],
    [{ encrypted: false }, 'warning', /not encrypted/],
  ])('of which %j is wrong tells that and a fix', (changed, status, message) => {
    expect(judgeServer({ ...SOUND, ...changed }, SETTINGS)).toEqual([
      { status, message: expect.stringMatching(message), fix: expect.any(String) },
    ]);
  });

  it('takes a pooler for granted when nothing is prepared, and no encryption outside production', () => {
    const pooled = judgeServer({ ...SOUND, pooled: true }, { ...SETTINGS, databasePrepared: 'off' });
    const plain = judgeServer({ ...SOUND, encrypted: false }, { ...SETTINGS, production: false });
    expect([...pooled, ...plain].map(({ status }) => status)).toEqual(['ok', 'ok']);
  });

  it('names the variable to look at, also for a failure that nobody foresaw', () => {
    expect(reachFix(new Error('odd'), 'DATABASE_URL')).toMatch(/DATABASE_URL/);
  });
});
