const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const COLUMNS = 24;

export interface Query {
  expr: string;
  legend: string;
}

export interface Panel {
  title: string;
  /** One line: what it shows, and when it is bad. */
  description: string;
  kind: 'timeseries' | 'stat' | 'bargauge';
  /** In Grafana's words: `percentunit`, `s`, `reqps`. */
  unit: string;
  /** Of 24 columns. */
  width: number;
  queries: Query[];
  /** Colours from these values on; the first is from below. */
  thresholds?: [color: string, from: number | null][];
  min?: number;
  max?: number;
  decimals?: number;
  stacked?: boolean;
  /** Lines that are a bound on others, by a pattern of their legends. */
  dashed?: string;
  /** By legend. */
  colors?: Record<string, string>;
}

export interface Row {
  title: string;
  panels: Panel[];
}

type Json = Record<string, unknown>;

/** The rows one below the other; within one, panels from left to right, and on a new line where there is no more room. */
export function layOut(rows: readonly Row[]): Json[] {
  const laid: Json[] = [];
  let top = 0;
  for (const { title, panels } of rows) {
    const heading = { type: 'row', title, collapsed: false, panels: [] };
    laid.push({ id: laid.length + 1, gridPos: { x: 0, y: top, w: COLUMNS, h: 1 }, ...heading });
    top += 1;
    for (const line of linesOf(panels)) {
      const height = Math.max(...line.map(heightOf));
      let left = 0;
      for (const panel of line) {
        const gridPos = { x: left, y: top, w: panel.width, h: height };
        laid.push({ id: laid.length + 1, gridPos, ...panelOf(panel) });
        left += panel.width;
      }
      top += height;
    }
  }
  return laid;
}

function heightOf({ kind }: Panel): number {
  return kind === 'stat' ? 4 : 8;
}

function linesOf(panels: readonly Panel[]): Panel[][] {
  const lines: Panel[][] = [];
  let room = 0;
  for (const panel of panels) {
    if (panel.width > room) {
      lines.push([]);
      room = COLUMNS;
    }
    lines.at(-1)?.push(panel);
    room -= panel.width;
  }
  return lines;
}

function panelOf(panel: Panel): Json {
  const { title, description, kind } = panel;
  return {
    type: kind,
    title,
    description,
    datasource: DATASOURCE,
    targets: panel.queries.map((query, index) => targetOf(panel, query, index)),
    fieldConfig: { defaults: defaultsOf(panel), overrides: overridesOf(panel) },
    options: OPTIONS[kind],
  };
}

function targetOf({ kind }: Panel, { expr, legend }: Query, index: number): Json {
  return {
    datasource: DATASOURCE,
    editorMode: 'code',
    expr,
    legendFormat: legend,
    refId: String.fromCharCode(65 + index),
    ...(kind === 'timeseries' ? { range: true, exemplar: expr.includes('_bucket') } : { instant: true }),
  };
}

function defaultsOf({ kind, unit, min, max, decimals, thresholds, stacked = false }: Panel): Json {
  const steps = (thresholds ?? [['green', null]]).map(([color, value]) => ({ color, value }));
  return {
    unit,
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    ...(decimals !== undefined && { decimals }),
    color: { mode: kind === 'timeseries' ? 'palette-classic' : 'thresholds' },
    thresholds: { mode: 'absolute', steps },
    ...(kind === 'timeseries' && { custom: linesStyle(stacked, thresholds !== undefined) }),
  };
}

function linesStyle(stacked: boolean, showThresholds: boolean): Json {
  return {
    drawStyle: 'line',
    lineWidth: 1,
    fillOpacity: stacked ? 25 : 0,
    showPoints: 'never',
    spanNulls: false,
    stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
    thresholdsStyle: { mode: showThresholds ? 'dashed' : 'off' },
  };
}

function overridesOf({ dashed, colors = {} }: Panel): Json[] {
  const bounds =
    dashed === undefined
      ? []
      : [
          {
            matcher: { id: 'byRegexp', options: dashed },
            properties: [{ id: 'custom.lineStyle', value: { fill: 'dash', dash: [8, 8] } }],
          },
        ];
  const fixed = Object.entries(colors).map(([legend, fixedColor]) => ({
    matcher: { id: 'byName', options: legend },
    properties: [{ id: 'color', value: { mode: 'fixed', fixedColor } }],
  }));
  return [...bounds, ...fixed];
}

const REDUCE = { calcs: ['lastNotNull'], fields: '', values: false };
const OPTIONS: Record<Panel['kind'], Json> = {
  timeseries: {
    legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
    tooltip: { mode: 'multi', sort: 'desc' },
  },
  stat: {
    reduceOptions: REDUCE,
    colorMode: 'value',
    graphMode: 'none',
    justifyMode: 'auto',
    orientation: 'auto',
    textMode: 'auto',
  },
  bargauge: {
    reduceOptions: REDUCE,
    displayMode: 'basic',
    orientation: 'horizontal',
    showUnfilled: true,
    valueMode: 'color',
  },
};

export interface Variable {
  name: string;
  label: string;
  /** `label_values(metric, label)`. */
  query: string;
  /** Of several values, and all of them: also where a series does not have the label. */
  many: boolean;
}

export const DATASOURCE_VARIABLE = {
  name: 'datasource',
  label: 'Prometheus',
  type: 'datasource',
  query: 'prometheus',
  refresh: 1,
  hide: 0,
};

export function variableOf({ name, label, query, many }: Variable): Json {
  return {
    name,
    label,
    type: 'query',
    datasource: DATASOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    hide: 0,
    multi: many,
    includeAll: many,
    ...(many && { allValue: '.*', current: { text: ['All'], value: ['$__all'] } }),
  };
}
