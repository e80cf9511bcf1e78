import { count, counted, dateTime } from './format.ts';
import type { Stats } from './types.ts';

/** Facts of all chains, and how to prove them. */
export function AuditState({ audit }: { audit: Stats['audit'] | undefined }) {
  if (audit === undefined) return null;
  const { chains, rows, oldest, newest_head: head } = audit;
  return (
    <div class="audit-state">
      <p>
        <strong>{counted(rows, 'row')}</strong> in <strong>{counted(chains, 'chain')}</strong>
        {oldest !== null && <>, since {dateTime(oldest)}</>}.
      </p>
      {head === null ? (
        <p class="hint">
          No head is signed: with <code>VESTIBULE_AUDIT_SIGNING_KEY</code> set, a tail that is cut off can be
          shown.
        </p>
      ) : (
        <p class="hint">
          Newest signed head: {dateTime(head.time)}, by <code>{head.key}</code>, of{' '}
          {counted(head.heads.length, 'chain')} up to row{' '}
          {count(Math.max(...head.heads.map(({ seq }) => seq)))}.
        </p>
      )}
      <p class="hint">
        These are facts, no proof: <code>vestibule audit verify</code> recomputes every hash.
      </p>
    </div>
  );
}
