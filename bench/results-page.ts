import type { CaseResult } from './figures.ts';
import type { Verdict } from './goals.ts';
import type { Machine } from './machine.ts';

/** A file of bench/results. */
export interface Kept {
  kind: 'bench' | 'soak';
  /** RFC 3339 */
  date: string;
  commit: string;
  /** Whether the checkout differed from its commit. */
  dirty: boolean;
  machine: Machine;
  options: object;
  verdicts: Verdict[];
  /** Of a bench, without each turn. */
  cases?: CaseInShort[];
  /** Of a soak. */
  points?: object[];
}

export type CaseInShort = Omit<CaseResult, 'rounds'> & { rounds: number };

const HEAD = `# Kept results

Written by \`npm run bench -- --keep\` and \`npm run soak -- --keep\`; a file has the machine, the commit, the options,
medians and ratios. *changed* after a commit: the checkout had changes that are not in it. Compare ratios, and those of
like machines: [docs/performance.md](../../docs/performance.md) says why.

| Run | Commit | Machine | c/b sessions/s, p99 at 0 ms | (c-a)/(b-a) p50, p99 at 30 ms | Goals met |
| --- | --- | --- | --- | --- | --- |
`;

/** The page that lists kept results, the oldest first. */
export function resultsPage(files: { file: string; kept: Kept }[]): string {
  const rows = [...files].sort((one, other) => (one.kept.date < other.kept.date ? -1 : 1)).map(rowOf);
  return `${HEAD}${rows.join('')}`;
}

function rowOf({ file, kept }: { file: string; kept: Kept }): string {
  const { commit, dirty, machine, cases = [], verdicts } = kept;
  const judged = verdicts.filter(({ met }) => met !== null);
  const served = at(cases, 0, ({ sessionsPerSecond, p99 }) => [sessionsPerSecond, p99]);
  const added = at(cases, 30, ({ addedP50, addedP99 }) => [addedP50.ratio, addedP99.ratio]);
  const cells = [
    `[${file.replace(/\.json$/, '')}](${file})`,
    `${commit}${dirty ? ', changed' : ''}`,
    `${machine.cores} cores, ${machine.model}; Node ${machine.node}, PostgreSQL ${machine.postgres}`,
    served,
    added,
    `${judged.filter(({ met }) => met).length} of ${judged.length}`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '/')).join(' | ')} |\n`;
}

/** What was measured at this latency, by connections. */
function at(
  cases: CaseInShort[],
  latencyMs: number,
  ratiosOf: (ratios: CaseResult['ratios']) => (number | null)[],
): string {
  return cases
    .filter((one) => one.latencyMs === latencyMs)
    .map(({ connections, ratios }) => `${connections}: ${ratiosOf(ratios).map(shown).join(', ')}`)
    .join('; ');
}

function shown(value: number | null): string {
  return value === null ? '-' : value.toFixed(2);
}
