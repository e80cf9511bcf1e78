/**
 * The service's public totals as `GET /metrics` has them. Nothing else in the pages reads metrics: what their text and
 * their JSON look like is known here alone.
 */

/** Of one process. Shares are 0 to 1. */
export interface MetricsTotals {
  vault_hits: number;
  /** Vault hits to sessions that were created: 1. */
  vault_hit_ratio: number;
  error_rate: number;
  sessions_total: number;
  sessions_active: number;
  latency_ms: { p50: number; p95: number; p99: number };
}

/** One series of the text: a name, its labels and what it shows. */
export interface Sample {
  name: string;
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** Milliseconds. */
const TIMEOUT_MS = 10_000;
const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: -?\d+)?$/;
const LABEL = /([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"(?:,|$)/gy;

/** Reads and parses the text. `base` is where the service is, with a slash at its end. */
export async function fetchMetricsText(base: string): Promise<Sample[]> {
  const response = await ask(base, 'text/plain');
  return parseMetricsText(await response.text());
}

/** Reads and checks the JSON. */
export async function fetchMetricsJson(base: string): Promise<MetricsTotals> {
  const response = await ask(base, 'application/json');
  return toTotals(await response.json());
}

/** Prometheus's text format, as far as a service writes it. Throws on a line that is none of it. */
export function parseMetricsText(text: string): Sample[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parseSample);
}

/** The JSON of `GET /metrics`, and of the `totals` that `GET /events` tells. Throws when a figure is missing. */
export function toTotals(value: unknown): MetricsTotals {
  const totals = isRecord(value) ? value : {};
  const latency = isRecord(totals['latency_ms']) ? totals['latency_ms'] : {};
  return {
    vault_hits: figure(totals, 'vault_hits'),
    vault_hit_ratio: figure(totals, 'vault_hit_ratio'),
    error_rate: figure(totals, 'error_rate'),
    sessions_total: figure(totals, 'sessions_total'),
    sessions_active: figure(totals, 'sessions_active'),
    latency_ms: { p50: figure(latency, 'p50'), p95: figure(latency, 'p95'), p99: figure(latency, 'p99') },
  };
}

async function ask(base: string, accept: string): Promise<Response> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const response = await fetch(new URL('metrics', base), { headers: { accept }, signal });
  if (!response.ok) throw new Error(`the metrics were answered by ${response.status}`);
  return response;
}

function parseSample(line: string): Sample {
  const [, name, labels = '', text = ''] = SAMPLE.exec(line) ?? [];
  const value = numberOf(text);
  if (name === undefined || value === undefined) throw new Error('a line of the metrics cannot be read');
  return { name, labels: parseLabels(labels), value };
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let end = 0;
  for (const [whole, name = '', value = ''] of text.matchAll(LABEL)) {
    labels[name] = value.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
    end += whole.length;
  }
  if (end !== text.length) throw new Error('labels of the metrics cannot be read');
  return labels;
}

/** As the format spells them; undefined for no number. */
function numberOf(text: string): number | undefined {
  const infinite = /^([+-])?Inf$/.exec(text);
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
  if (text === 'NaN') return Number.NaN;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

function figure(record: Record<string, unknown>, name: string): number {
  const value = record[name];
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Error(`the metrics have no ${name}`);
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
