import type { ComponentChildren } from 'preact';
import { count, milliseconds, percent } from './format.ts';
import type { Stats } from './types.ts';
import type { LiveState } from './use-live.ts';

interface FigureProps {
  name: string;
  value: ComponentChildren;
  note: string;
  tone?: 'bad' | undefined;
}

function Figure({ name, value, note, tone }: FigureProps) {
  return (
    <div class={`figure ${tone === 'bad' ? 'figure-bad' : ''}`}>
      <dt>{name}</dt>
      <dd class="figure-value">{value}</dd>
      <dd class="figure-note">{note}</dd>
    </div>
  );
}

export interface FiguresProps {
  live: LiveState;
  stats: Stats | undefined;
  slots: number | undefined;
  range: string;
}

/** A share beyond which somebody should look. */
const MUCH = 0.05;

/** What one looks at first. */
export function Figures({ live, stats, slots, range }: FiguresProps) {
  return (
    <dl class="figures">
      <Figure
        name="Live sessions"
        value={<span data-figure="live">{known(live.total, count)}</span>}
        note={slots === undefined ? 'of all replicas' : `of ${count(slots)} slots, all replicas`}
      />
      <Figure
        name="Error rate"
        value={percent(live.totals?.error_rate)}
        note="5 minutes, this replica, refusals included"
        tone={toneOf(live.totals?.error_rate)}
      />
      {ofRange(stats?.totals).map(({ note, ...figure }) => (
        <Figure key={figure.name} {...figure} note={`${note}${range}`} />
      ))}
    </dl>
  );
}

function ofRange(totals: Stats['totals'] | undefined): FigureProps[] {
  const { opened, failed } = sumsOf(totals);
  const latency = totals?.latency_ms;
  return [
    {
      name: 'Success rate',
      value: percent(totals?.success_rate),
      note: `${known(failed, count)} failed, `,
      tone: toneOf(totals?.error_share),
    },
    {
      name: 'Vault hits',
      value: known(totals?.vault_hits, count),
      note: `${percent(totals?.vault_hit_ratio)} of ${known(opened, count)} opened, `,
    },
    { name: 'Latency', value: milliseconds(latency?.p50), note: `p95 ${milliseconds(latency?.p95)}, ` },
    { name: 'Rejected', value: known(totals?.rejected, count), note: 'without credentials, ' },
  ];
}

function sumsOf(totals: Stats['totals'] | undefined): { opened?: number; failed?: number } {
  if (totals === undefined) return {};
  return {
    opened: totals.opened.vault + totals.opened.commercial,
    failed: Object.values(totals.failed).reduce((sum, n) => sum + n, 0),
  };
}

function toneOf(share: number | null | undefined): 'bad' | undefined {
  return (share ?? 0) > MUCH ? 'bad' : undefined;
}

function known(value: number | undefined, format: (value: number) => string): string {
  return value === undefined ? '–' : format(value);
}
