import type { AuditFact, UseFact } from './facts.ts';
import { usesWithoutRecord } from './key-uses.ts';

const row = (tag: string, committedAt: number, key = 'k'): AuditFact => ({
  event: 'vault_key_loaded',
  sessionId: `ses_${tag}`,
  tag,
  key,
  committedAt,
});
const use = (tag: string | null, at: number, key = 'k'): UseFact => ({ tag, at, key });

describe('a key use without an earlier record', () => {
  it('is none where each use follows its row, though the clock of uses has whole milliseconds', () => {
    expect(
      usesWithoutRecord([use('a', 10), use('b', 12)], [row('a', 10.9), row('b', 11), row('c', 12)]),
    ).toEqual([]);
  });

  it('is found where there is no row', () => {
    expect(usesWithoutRecord([use('a', 10)], [])).not.toEqual([]);
    expect(usesWithoutRecord([use('a', 10)], [{ ...row('a', 5), event: 'session_created' }])).not.toEqual([]);
  });

  it('is found where the row was committed after the use', () => {
    expect(usesWithoutRecord([use('a', 10)], [row('a', 11)])).not.toEqual([]);
  });

  it('is found where the row is that of another asking or of another key', () => {
    expect(usesWithoutRecord([use('a', 10)], [row('b', 5)])).not.toEqual([]);
    expect(usesWithoutRecord([use('a', 10, 'other')], [row('a', 5)])).not.toEqual([]);
  });

  it('is found where one row was used twice', () => {
    expect(usesWithoutRecord([use('a', 10), use('a', 20)], [row('a', 5), row('b', 6)])).not.toEqual([]);
    expect(usesWithoutRecord([use('a', 10), use('a', 20)], [row('a', 5), row('a', 15)])).toEqual([]);
  });

  it('is found where more uses came before than there were rows, also of requests that did not arrive whole', () => {
    expect(usesWithoutRecord([use(null, 10), use('a', 10)], [row('a', 5)])).not.toEqual([]);
    expect(usesWithoutRecord([use(null, 10), use('a', 10)], [row('a', 5), row('b', 6)])).toEqual([]);
  });
});
