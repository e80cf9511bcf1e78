import type { Verdict } from './goals.ts';
import type { CaseResult, Figures } from './measure.ts';
import type { Machine } from './machine.ts';

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
const NAMES: Record<string, string> = {
  simulator: '(a) simulator',
  forwarder: '(b) forwarder',
  service: '(c) service',
};

export function machineText(machine: Machine): string {
  const { cores, model, node, postgres, settings, usage } = machine;
  const switches = Object.entries(settings).map(([name, value]) => `${name} ${value}`);
  return [
    `machine: ${cores} cores (${model}), Node ${node}, PostgreSQL ${postgres}: ${switches.join(', ')}`,
    ...(usage ? [] : ['this system has no /proc: CPU and RSS are left out']),
  ].join('\n');
}

/** One case as a table: medians of its rounds; CPU is for one session. */
export function caseText(result: CaseResult): string {
  const { latencyMs, connections, medians, ratios, errors, rounds } = result;
  const rows = Object.entries(medians).map(([name, figures]) => row(name, figures, errors[name] ?? 0));
  const lines = table([COLUMNS, ...rows]);
  const kinds = errorKinds(result);
  return [
    `provider ${latencyMs} ms, ${connections} connections, medians of ${rounds.length}`,
    ...lines,
    `  c/b: sessions/s ${fixed(ratios.sessionsPerSecond, 2)}, p99 ${fixed(ratios.p99, 2)};` +
      ` added to p50: c ${fixed(ratios.serviceAddsP50Ms, 2)} ms, b ${fixed(ratios.forwarderAddsP50Ms, 2)} ms`,
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

function row(name: string, figures: Figures, errors: number): string[] {
  return [
    NAMES[name] ?? name,
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
