import { useMemo } from 'preact/hooks';
import { Card } from '../components/card.tsx';
import { Chart, type Line } from './chart.tsx';
import { count, milliseconds } from './format.ts';
import type { Stats, Step } from './types.ts';

const sumOf = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((sum, n) => sum + n, 0);

/** History: what was opened and failed, how many were live, how long it took. */
export function Charts({ stats }: { stats: Stats | undefined }) {
  const { times, sessions, live, latency } = useMemo(() => {
    const steps = stats?.steps ?? [];
    const values = (of: (step: Step) => number | null): (number | null)[] => steps.map(of);
    return {
      times: steps.map(({ time }) => Date.parse(time) / 1_000),
      sessions: [
        {
          name: 'Opened',
          look: 'accent',
          filled: true,
          values: values(({ opened }) => opened.vault + opened.commercial),
        },
        { name: 'Failed', look: 'bad', values: values(({ failed }) => sumOf(failed)) },
        { name: 'Rejected', look: 'soft', values: values(({ rejected }) => rejected) },
      ] satisfies Line[],
      live: [
        { name: 'Live', look: 'accent', filled: true, values: values((step) => step.live) },
      ] satisfies Line[],
      latency: [
        { name: 'Median', look: 'accent', values: values(({ latency_ms: ms }) => ms?.p50 ?? null) },
        { name: '95 %', look: 'key', values: values(({ latency_ms: ms }) => ms?.p95 ?? null) },
      ] satisfies Line[],
    };
  }, [stats]);
  return (
    <div class="charts">
      <Card title="Sessions" class="charts-wide">
        <Chart title="Sessions opened and failed" times={times} lines={sessions} format={count} />
      </Card>
      <Card title="Live">
        <Chart title="Live sessions" times={times} lines={live} format={count} />
      </Card>
      <Card title="Latency">
        <Chart title="Time from a slot to a session" times={times} lines={latency} format={milliseconds} />
      </Card>
    </div>
  );
}
