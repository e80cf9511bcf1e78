import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import { Records } from './records.tsx';

export interface Line {
  name: string;
  /** A class of `.chart-…`, which has the colour. */
  look: 'accent' | 'bad' | 'key' | 'soft';
  filled?: boolean;
  values: (number | null)[];
}

export interface ChartProps {
  title: string;
  /** Unix seconds: when each step begins. */
  times: number[];
  lines: Line[];
  format: (value: number) => string;
}

const HEIGHT = 200;
const FONT = '12px system-ui, sans-serif';
const TABLE_ROWS = 60;
const COLOURS = { accent: '--accent', bad: '--bad', key: '--key', soft: '--ink-soft' } as const;

/** A colour of the page's own, as a canvas takes it: what a variable says depends on the theme. */
function colourOf(name: string): string {
  const probe = document.createElement('span');
  probe.className = 'hidden';
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

/** Counts up when the theme changes. */
function useTheme(): number {
  const [theme, setTheme] = useState(0);
  useEffect(() => {
    const change = (): void => {
      setTheme((before) => before + 1);
    };
    const observer = new MutationObserver(change);
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    const system = matchMedia('(prefers-color-scheme: dark)');
    system.addEventListener('change', change);
    return () => {
      observer.disconnect();
      system.removeEventListener('change', change);
    };
  }, []);
  return theme;
}

function options({ lines, format }: ChartProps, width: number): uPlot.Options {
  const soft = colourOf('--ink-soft');
  const axis = {
    stroke: soft,
    font: FONT,
    grid: { stroke: colourOf('--line'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] } },
    axes: [
      { ...axis, size: 30, values: (_plot, splits) => splits.map(axisTime) },
      { ...axis, size: 64, values: (_plot, splits) => splits.map(format) },
    ],
    series: [
      {},
      ...lines.map(({ name, look, filled }) => {
        const stroke = colourOf(COLOURS[look]);
        return {
          label: name,
          stroke,
          width: 2,
          points: { show: true, size: 5, fill: stroke, filter: alone },
          ...(filled === true && { fill: withAlpha(stroke) }),
        };
      }),
    ],
  };
}

/** Values that no line leads to or from: they would not be seen. */
function alone(plot: uPlot, series: number): number[] {
  const values = plot.data[series] ?? [];
  const has = (index: number): boolean => typeof values[index] === 'number';
  return [...values.keys()].filter((index) => has(index) && !has(index - 1) && !has(index + 1));
}

/** Hours and minutes; where a day begins, its date. */
function axisTime(seconds: number): string {
  const time = new Date(seconds * 1_000);
  return (time.getHours() + time.getMinutes() === 0 ? DAY : MINUTE).format(time);
}

function withAlpha(colour: string): string {
  const parts = /^rgba?\(([^)]+)\)$/.exec(colour);
  return parts === null ? 'transparent' : `rgb(${(parts[1] ?? '').split(',').slice(0, 3).join(' ')} / 0.16)`;
}

/** Lines over time, drawn on a canvas and told as a table. */
export function Chart(props: ChartProps) {
  const { title, times, lines, format } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [at, setAt] = useState<number | null>(null);
  const theme = useTheme();
  const names = lines.map(({ name }) => name).join();
  useEffect(() => {
    const element = place.current;
    if (element === null) return undefined;
    const made = new uPlot(
      {
        ...options(props, element.clientWidth),
        hooks: {
          setCursor: [
            ({ cursor }) => {
              setAt(cursor.idx ?? null);
            },
          ],
        },
      },
      [times, ...lines.map(({ values }) => values)],
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = undefined;
    };
    // Data come by the effect below; what else there is in props decides how it looks.
  }, [names, theme]);
  useEffect(() => {
    plot.current?.setData([times, ...lines.map(({ values }) => values)]);
  }, [times, lines]);
  const shown = at === null ? times.length - 1 : at;
  return (
    <figure class="chart">
      <figcaption class="chart-legend">
        {lines.map(({ name, look, values }) => (
          <span key={name} class={`chart-name chart-${look}`}>
            {name} <strong>{told(values[shown], format)}</strong>
          </span>
        ))}
        <span class="chart-time">{times[shown] === undefined ? '' : shortTime(times[shown])}</span>
      </figcaption>
      <div
        ref={place}
        class="chart-canvas"
        role="img"
        aria-label={`${title}: a chart. Its figures follow as a table.`}
      />
      <details class="chart-table">
        <summary>{title} as a table</summary>
        <Records
          caption={title}
          columns={[
            { name: 'Time', cell: (index: number) => shortTime(times[index] ?? 0) },
            ...lines.map(({ name, values }) => ({
              name,
              numeric: true,
              cell: (index: number) => told(values[index], format),
            })),
          ]}
          rows={newest(times)}
          keyOf={String}
          empty="There are no figures yet."
        />
      </details>
    </figure>
  );
}

/** Indexes, the newest first. */
function newest(times: number[]): number[] {
  return times.map((_, index) => times.length - 1 - index).slice(0, TABLE_ROWS);
}

function told(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '–' : format(value);
}

const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const MINUTE = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const STEP_TIME = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});

function shortTime(seconds: number): string {
  return STEP_TIME.format(new Date(seconds * 1_000));
}
