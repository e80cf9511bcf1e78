import { Card } from '../components/card.tsx';
import { count, percent } from './format.ts';
import type { Stats } from './types.ts';

interface Outcome {
  name: string;
  n: number;
  bad: boolean;
}

function outcomesOf({ totals }: Stats): Outcome[] {
  const { opened, ended, failed } = totals;
  return [
    { name: 'opened, vault flow', n: opened.vault, bad: false },
    { name: 'opened, commercial flow', n: opened.commercial, bad: false },
    { name: 'released', n: ended.released, bad: false },
    { name: 'expired', n: ended.expired, bad: false },
    { name: 'terminated', n: ended.terminated, bad: false },
    ...Object.entries(failed)
      .sort(([, one], [, other]) => other - one)
      .map(([code, n]) => ({ name: `failed, ${code}`, n, bad: true })),
  ];
}

/** What became of sessions in the range. */
export function Outcomes({ stats, range }: { stats: Stats | undefined; range: string }) {
  const outcomes = stats === undefined ? [] : outcomesOf(stats);
  const attempts = stats?.totals.attempts ?? 0;
  const most = Math.max(1, ...outcomes.map(({ n }) => n));
  return (
    <Card title="Outcomes" aside={<span class="hint">{range}</span>}>
      <ul class="outcomes">
        {outcomes.map(({ name, n, bad }) => (
          <li key={name}>
            <span class="outcome-name">{name}</span>
            <span class="outcome-n">{count(n)}</span>
            <span class="bar" aria-hidden="true">
              <span class={bad ? 'bar-bad' : ''} style={{ width: `${(100 * n) / most}%` }} />
            </span>
          </li>
        ))}
      </ul>
      <p class="hint">
        {count(attempts)} attempts had a slot and a key; {percent(stats?.totals.error_share)} of them failed.
        What a limit refused took neither.
      </p>
    </Card>
  );
}
