/** `npm run soak`: a great many sessions through one process of the service, whose memory has to stay as it is. */
import { FLAG, integer, nameOf, TEXT, valuesOf } from './arguments.ts';
import { endWithin, GOAL_MISSED, print, type Run, runCommand } from './command.ts';
import { keep } from './keep.ts';
import { inspectorUrl, liveHeapMb } from './inspector.ts';
import { machineText, verdictText } from './report.ts';
import { setStage, type Stage } from './stage.ts';
import { drift } from './statistics.ts';
import { startAlone, type Subject } from './subjects.ts';
import { memoryOf, openFiles } from './usage.ts';

const USAGE = `npm run soak -- [options]

  --sessions N             how many                                        (1000000)
  --connections N          keep-alive connections, each a closed loop      (64)
  --seconds N              of load between two looks at the heap           (15)
  --keep                   keep the result in bench/results
  --name NAME              a part of the kept result's name                (soak)
  --check                  exit 1 when the heap is not flat, or an answer was no session
  --help
`;

/** What the heap may differ from its first value after the warm-up. */
const MAX_DRIFT = 0.1;
/** Of the sessions, those in which caches and pools fill. */
const WARM_UP_SHARE = 0.1;
const PROJECTS = 20;
const SETUP_S = 60;
/** A machine that is slower is given up on. */
const LEAST_SESSIONS_A_SECOND = 200;

interface Options {
  sessions: number;
  connections: number;
  seconds: number;
  keep: boolean;
  name: string;
  check: boolean;
}

/** What the process holds once its garbage is collected. */
interface Point {
  sessions: number;
  seconds: number;
  heapMb: number;
  residentMb: number | null;
  openFiles: number | null;
}

await runCommand(USAGE, async (run) => {
  const options = parseOptions(process.argv.slice(2));
  if (options !== undefined) return soak(options, run);
  print(USAGE);
  return 0;
});

function parseOptions(args: string[]): Options | undefined {
  const values = valuesOf(args, {
    sessions: { ...TEXT, default: '1000000' },
    connections: { ...TEXT, default: '64' },
    seconds: { ...TEXT, default: '15' },
    keep: FLAG,
    name: TEXT,
    check: FLAG,
    help: FLAG,
  });
  if (values.help) return undefined;
  return {
    sessions: integer('sessions', values.sessions, 1_000, 100_000_000),
    connections: integer('connections', values.connections, 1, 1_000),
    seconds: integer('seconds', values.seconds, 1, 600),
    keep: values.keep,
    name: nameOf(values.name) ?? 'soak',
    check: values.check,
  };
}

async function soak(options: Options, run: Run): Promise<number> {
  endWithin(SETUP_S + Math.ceil(options.sessions / LEAST_SESSIONS_A_SECOND), run);
  const stage = await setStage(run);
  print(machineText(stage.machine));
  const { service } = await startAlone(
    stage,
    {
      of: 'service',
      name: 'service',
      label: '(c) service',
      processes: 1,
      projects: PROJECTS,
      // the heap is asked for, and collected, from outside: the program is the one that is built
      environment: { NODE_OPTIONS: '--inspect=127.0.0.1:0' },
    },
    run.resources,
  );
  const { points, errors } = await pointsOf(stage, service, options);
  const warm = points.filter(({ sessions }) => sessions >= options.sessions * WARM_UP_SHARE);
  const heapDrift = drift(warm.map(({ heapMb }) => heapMb));
  const verdicts = [
    {
      text:
        `heap after collection, ${warm.length} looks: within ${shown(heapDrift === null ? null : heapDrift * 100)} %` +
        ` of the first (goal <= ${MAX_DRIFT * 100} %)`,
      met: heapDrift === null ? null : heapDrift <= MAX_DRIFT,
    },
    { text: `answers that were no session: ${errors}`, met: errors === 0 },
  ];
  print(verdictText(verdicts));
  if (options.keep) {
    const result = {
      kind: 'soak' as const,
      machine: stage.machine,
      options: { ...options },
      points,
      verdicts,
    };
    print(`kept in ${keep(result, options.name)}`);
  }
  return options.check && !verdicts.every(({ met }) => met) ? GOAL_MISSED : 0;
}

/** Load, then a look, until there were enough sessions. */
async function pointsOf(
  stage: Stage,
  service: Subject,
  { sessions: wanted, connections, seconds }: Options,
): Promise<{ points: Point[]; errors: number }> {
  const { load: generator, directory, signal } = stage;
  const inspector = inspectorUrl(`${directory}/${service.name}-1.log`);
  const points: Point[] = [];
  const begun = performance.now();
  let [sessions, errors] = [0, 0];
  while (sessions < wanted) {
    signal.throwIfAborted();
    await generator.prepare({
      urls: service.urls,
      headers: service.headers,
      body: service.body,
      connections,
    });
    const load = await generator.run(seconds);
    sessions += load.sessions;
    errors += Object.values(load.errors).reduce((all, count) => all + count, 0);
    const point = {
      sessions,
      seconds: (performance.now() - begun) / 1000,
      ...(await lookAt(service, inspector)),
    };
    points.push(point);
    print(pointText(point));
  }
  return { points, errors };
}

async function lookAt(
  { pids: [pid = 0] }: Subject,
  inspector: string,
): Promise<Pick<Point, 'heapMb' | 'residentMb' | 'openFiles'>> {
  const heapMb = await liveHeapMb(inspector);
  return { heapMb, residentMb: memoryOf(pid)?.residentMb ?? null, openFiles: openFiles(pid) };
}

function pointText({ sessions, seconds, heapMb, residentMb, openFiles: files }: Point): string {
  return (
    `${String(sessions).padStart(9)} sessions, ${seconds.toFixed(0).padStart(5)} s: heap ${heapMb.toFixed(1)} MB,` +
    ` RSS ${shown(residentMb)} MB, ${files ?? '-'} open files`
  );
}

function shown(value: number | null): string {
  return value === null ? '-' : value.toFixed(1);
}
