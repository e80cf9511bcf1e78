import type { AuditFact, UseFact, Violation } from './facts.ts';

/**
 * Every use of a key at the provider has a row of its own that was committed before: the n-th use comes after the n-th
 * row. Asking by asking, by the tag that a whole request carries; and key by key, which holds for the others, too.
 */
export function usesWithoutRecord(uses: readonly UseFact[], audit: readonly AuditFact[]): Violation[] {
  const loaded = audit.filter(({ event }) => event === 'vault_key_loaded');
  const whole = uses.filter(({ tag }) => tag !== null);
  const asking = ({ tag, key }: { tag: string | null; key: string }): string => `${tag} with ${key}`;
  return [...early(whole, loaded, asking), ...early(uses, loaded, ({ key }) => key)];
}

function early(
  uses: readonly UseFact[],
  loaded: readonly AuditFact[],
  nameOf: (fact: UseFact | AuditFact) => string,
): Violation[] {
  const rowsOf = Map.groupBy(loaded, nameOf);
  const violations: Violation[] = [];
  for (const [name, used] of Map.groupBy(uses, nameOf)) {
    const rows = inOrder((rowsOf.get(name) ?? []).map(({ committedAt }) => committedAt));
    const times = inOrder(used.map(({ at }) => at));
    // The simulator's clock shows whole milliseconds.
    const index = times.findIndex((at, n) => Math.floor(rows[n] ?? Infinity) > at);
    if (index === -1) continue;
    const what = `use ${index + 1} of ${name} was at ${times[index]}, row ${index + 1} at ${rows[index] ?? 'no time'}`;
    violations.push({ check: 'no key use without an earlier record', what });
  }
  return violations;
}

function inOrder(times: number[]): number[] {
  return times.sort((one, other) => one - other);
}
