import { coresFor, type Verdict } from './goals.ts';
import type { Added, CaseResult, Comparison, Figures } from './figures.ts';
import type { Machine } from './machine.ts';
import type { Subject } from './subjects.ts';

/** Of the machine's CPU in other hands: more than a quiet machine needs for itself. */
const MUCH = 0.1;

const COLUMNS = [
  'subject',
  'sessions/s',
  'p50 ms',
  'p95 ms',
  'p99 ms',
  'CPU ms',
  'PG CPU ms',
  'RSS MB',
  'peak MB',
  'errors',
];

type Labels = Record<string, string>;

export function machineText(machine: Machine): string {
  const { cores, model, node, postgres, settings, usage } = machine;
  const switches = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  return [
    `machine: ${cores} cores (${model}), Node ${node}, PostgreSQL ${postgres}: ${switches.join(', ')}`,
    ...(usage ? [] : ['this system has no /proc: CPU and RSS are left out']),
  ].join('\n');
}

/** How long each took to start, where that is known, and what was done before. */
export function startText(subjects: Subject[]): string {
  const started = subjects.flatMap(({ label, readyMs }) =>
    readyMs === undefined ? [] : [`${label} ${fixed(readyMs / 1000, 1)} s`],
  );
  const filled = subjects.flatMap(({ label, filled: found }) =>
    found === undefined ? [] : [`${label}: in ${fixed(found.ms / 1000, 0)} s to ${fixed(found.mb, 0)} MB`],
  );
  return [`ready after: ${started.join(', ')}`, ...filled].join('\n');
}

/** Why a figure of several processes may say little here. */
export function coresText(processes: number, { cores }: Machine): string {
  const needed = coresFor(processes);
  return cores >= needed
    ? `${cores} cores: ${processes} processes have cores of their own`
    : `${cores} cores do not allow for ${processes} processes: with load generator, simulator and PostgreSQL they need ${needed}`;
}

export function labelsOf(subjects: Subject[]): Labels {
  return Object.fromEntries(subjects.map(({ name, label }) => [name, label]));
}

/** One case as a table: medians of its rounds; CPU is for one session. */
export function caseText(result: CaseResult, labels: Labels): string {
  const { latencyMs, connections, medians, ratios, comparisons, errors, rounds } = result;
  const label = (name: string): string => labels[name] ?? name;
  const rows = Object.entries(medians).map(([name, figures]) => row(label(name), figures, errors[name] ?? 0));
  const kinds = errorKinds(result);
  return [
    `provider ${latencyMs} ms, ${connections} connections, medians of ${rounds.length}`,
    ...table([COLUMNS, ...rows]),
    `  c/b: sessions/s ${fixed(ratios.sessionsPerSecond, 2)}, p99 ${fixed(ratios.p99, 2)}` +
      `${addedText('p50', ratios.addedP50)}${addedText('p99', ratios.addedP99)}`,
    ...Object.entries(comparisons).map(([name, found]) => comparisonText(label(name), found)),
    ...(result.foreignShare !== null && result.foreignShare > MUCH
      ? [`  BUSY MACHINE: other programs took up to ${fixed(result.foreignShare * 100, 0)} % of its CPU`]
      : []),
    ...(kinds === '' ? [] : [`  WITH ERRORS, so not to be trusted: ${kinds}`]),
    '',
  ].join('\n');
}

export function verdictText(verdicts: Verdict[]): string {
  const words = { true: 'met       ', false: 'MISSED    ', null: 'no measure' };
  return verdicts.map(({ text, met }) => `${words[`${met}`]}  ${text}`).join('\n');
}

function addedText(name: string, { serviceMs, forwarderMs, ratio }: Added): string {
  return `; added ${name}: c ${fixed(serviceMs, 2)} ms, b ${fixed(forwarderMs, 2)} ms, ratio ${fixed(ratio, 2)}`;
}

function comparisonText(label: string, { sessionsPerSecond, p99, cpu }: Comparison): string {
  const base = label.slice(0, 3);
  return (
    `  ${label} / ${base}: sessions/s ${fixed(sessionsPerSecond, 2)}, p99 ${fixed(p99, 2)},` +
    ` CPU a session ${fixed(cpu, 2)}`
  );
}

function row(label: string, figures: Figures, errors: number): string[] {
  return [
    label,
    fixed(figures.sessionsPerSecond, 0),
    fixed(figures.p50Ms, 2),
    fixed(figures.p95Ms, 2),
    fixed(figures.p99Ms, 2),
    fixed(figures.cpuMsPerSession, 3),
    fixed(figures.postgresMsPerSession, 3),
    fixed(figures.residentMb, 0),
    fixed(figures.peakMb, 0),
    String(errors),
  ];
}

function table(rows: string[][]): string[] {
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((cells) => (cells[column] ?? '').length)));
  return rows.map((cells) => {
    const padded = cells.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    return `  ${padded.join('  ')}`;
  });
}

function errorKinds({ rounds }: CaseResult): string {
  const kinds = new Map<string, number>();
  for (const [name, turn] of rounds.flatMap((round) => Object.entries(round))) {
    for (const [kind, count] of Object.entries(turn.errors)) {
      const key = `${name} ${kind}`;
      kinds.set(key, (kinds.get(key) ?? 0) + count);
    }
  }
  return [...kinds].map(([kind, count]) => `${count} x ${kind}`).join(', ');
}

function fixed(value: number | null, digits: number): string {
  return value === null ? '-' : value.toFixed(digits);
}
