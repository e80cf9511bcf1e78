/** `npm run bench`: the simulator, the bare forwarder and the service, measured in one run. See docs/performance.md. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestCluster } from '../test/support/cluster.ts';
import { verdictsOf } from './goals.ts';
import { describeMachine, type Machine } from './machine.ts';
import { type Bench, type CaseResult, measureCase, warmUp } from './measure.ts';
import { type Options, parseOptions, USAGE, UsageError } from './options.ts';
import { LoadGenerator } from './processes.ts';
import { caseText, machineText, verdictText } from './report.ts';
import { expectSession, startSubjects } from './subjects.ts';

const GOAL_MISSED = 1;
const NOT_RUN = 2;
const INTERRUPTED = 130;
const SETUP_S = 15;
/** What a turn that hangs may take beyond its time: twice the load generator's timeout. */
const LATE_S = 30;

const stopping = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  // Also those that follow: Ctrl-C reaches us from the terminal and from npm.
  process.on(name, () => {
    stopping.abort(new Interrupted());
  });
}

class Interrupted extends Error {
  constructor() {
    super('interrupted: stopping everything');
  }
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) print(USAGE);
  else process.exitCode = await run(options);
} catch (error) {
  const reason: unknown = stopping.signal.aborted ? stopping.signal.reason : error;
  process.stderr.write(`${reason instanceof Error ? reason.message : String(reason)}\n`);
  if (reason instanceof UsageError) process.stderr.write(`\n${USAGE}`);
  process.exitCode = reason instanceof Interrupted ? INTERRUPTED : NOT_RUN;
}

async function run(options: Options): Promise<number> {
  const { usual, most } = duration(options);
  print(`takes about ${usual} s, at most ${most} s`);
  await using resources = new AsyncDisposableStack();
  const deadline = setTimeout(() => {
    stopping.abort(new Error(`has not ended within ${most} s: stopping everything`));
  }, most * 1000);
  resources.defer(() => {
    clearTimeout(deadline);
  });
  const { bench, machine } = await prepare(options, resources);
  await warmUp(bench, options.warmUpSeconds);
  const cases: CaseResult[] = [];
  for (const one of options.cases) {
    const result = await measureCase(bench, one, options);
    cases.push(result);
    print(caseText(result));
  }
  const verdicts = verdictsOf(cases);
  print(verdictText(verdicts));
  if (options.json !== undefined) {
    // without the headers of peers, which may be secret
    const shown = { ...options, peers: options.peers.map(({ name, url }) => ({ name, url })) };
    writeFileSync(options.json, `${JSON.stringify({ machine, options: shown, cases, verdicts }, null, 2)}\n`);
  }
  return options.check && !verdicts.every(({ met }) => met) ? GOAL_MISSED : 0;
}

/** Starts everything, and lets each subject have answered once; `resources` gets what has to be stopped. */
async function prepare(
  options: Options,
  resources: AsyncDisposableStack,
): Promise<{ bench: Bench; machine: Machine }> {
  const { signal } = stopping;
  const directory = mkdtempSync(join(tmpdir(), 'vestibule-bench-'));
  resources.defer(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const cluster = await startTestCluster();
  resources.defer(() => cluster.stop());
  signal.throwIfAborted();
  const { machine, postmasterPid } = await describeMachine(cluster.superuserUrl);
  print(`${machineText(machine)}\n`);
  const onLost = (error: Error): void => {
    stopping.abort(error);
  };
  const { superuserUrl } = cluster;
  const subjects = await startSubjects({ options, directory, superuserUrl, signal, onLost }, resources);
  for (const subject of subjects) await expectSession(subject);
  const load = new LoadGenerator();
  resources.defer(() => load.stop());
  // what waits for a turn then fails, and all else is stopped
  signal.addEventListener('abort', () => void load.stop());
  return { bench: { subjects, load, simulatorUrl: subjects[0]?.url ?? '', postmasterPid, signal }, machine };
}

/** In seconds: as usual, and at the very most. */
function duration({ cases, rounds, seconds, warmUpSeconds, peers }: Options): {
  usual: number;
  most: number;
} {
  const subjects = 3 + peers.length;
  const turns = (cases.length * rounds + 1) * subjects;
  const usual = SETUP_S + subjects * warmUpSeconds + cases.length * rounds * subjects * seconds;
  return { usual, most: usual + turns * LATE_S };
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
