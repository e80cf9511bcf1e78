export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** One answer of a metrics endpoint. */
export interface Metrics {
  /** By the family's name, as its TYPE line has it. */
  types: Map<string, string>;
  samples: Sample[];
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const LABELS = String.raw`(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"(?:,(?!\})|(?=\})))*`;
const NUMBER = String.raw`[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|[Nn]a[Nn]`;
const SAMPLE = new RegExp(
  `^(${NAME})(?:\\{(${LABELS})\\})? (${NUMBER})(?: # \\{${LABELS}\\} (?:${NUMBER})(?: (?:${NUMBER}))?)?$`,
);
const HEADING = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`);
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;
const SUFFIXES = /_(total|bucket|sum|count|info)$/;

/** Reads Prometheus's text or OpenMetrics. Throws on whatever neither has: a bad line, a stray or repeated sample. */
export function parseMetrics(text: string): Metrics {
  const types = new Map<string, string>();
  const samples = new Map<string, Sample>();
  let family = '';
  for (const line of linesOf(text)) {
    const [, kind, name = '', rest = ''] = HEADING.exec(line) ?? [];
    if (kind === 'TYPE') {
      if (types.has(name)) throw new Error(`a second TYPE of ${name}`);
      types.set(name, rest);
      family = name;
    } else if (kind === undefined) {
      const sample = sampleUnder(family, line);
      const series = seriesOf(sample);
      if (samples.has(series)) throw new Error(`twice: ${series}`);
      samples.set(series, sample);
    }
  }
  return { types, samples: [...samples.values()] };
}

function linesOf(text: string): string[] {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const lines = text.replace(/(^|\n)# EOF\n$/, '$1').split('\n');
  return lines.filter((line) => line !== '');
}

function sampleUnder(family: string, line: string): Sample {
  const sample = parseSample(line);
  const names = [sample.name, sample.name.replace(SUFFIXES, '')];
  if (!names.includes(family)) throw new Error(`${sample.name} stands under ${family}`);
  return sample;
}

/** A series as the text shows it, its labels in order: `sessions_total{flow="vault",outcome="created",project=""}`. */
export function seriesOf({ name, labels }: Pick<Sample, 'name' | 'labels'>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
  return pairs.length === 0 ? name : `${name}{${pairs.sort().join(',')}}`;
}

function parseSample(line: string): Sample {
  const [, name, labels = '', number = ''] = SAMPLE.exec(line) ?? [];
  if (name === undefined) throw new Error(`not a sample: ${line}`);
  const pairs = [...labels.matchAll(LABEL)].map(
    ([, label = '', value = '']) => [label, unescaped(value)] as const,
  );
  if (new Set(pairs.map(([label]) => label)).size < pairs.length) throw new Error(`a label twice: ${line}`);
  return { name, labels: Object.fromEntries(pairs), value: Number(number.replace('Inf', 'Infinity')) };
}

function unescaped(value: string): string {
  return value.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character));
}
