/** `npm run bench`: the simulator, the bare forwarder and the service, measured in one run. See docs/performance.md. */
import { writeFileSync } from 'node:fs';
import { endWithin, GOAL_MISSED, print, type Run, runCommand } from './command.ts';
import type { CaseResult } from './figures.ts';
import { verdictsOf } from './goals.ts';
import { keep } from './keep.ts';
import { measureCase, warmUp } from './measure.ts';
import { type Options, parseOptions, USAGE } from './options.ts';
import { caseText, coresText, labelsOf, machineText, startText, verdictText } from './report.ts';
import type { CaseInShort } from './results-page.ts';
import { settingsOf } from './settings.ts';
import { setStage } from './stage.ts';
import { startSubjects } from './subjects.ts';

const SETUP_S = 15;
const SETUP_OF_ONE_S = 3;
/** Of a small machine. */
const FILLED_A_SECOND = 40_000;
/** What a turn that hangs may take beyond its time: twice the load generator's timeout. */
const LATE_S = 30;

await runCommand(USAGE, async (run) => {
  const options = parseOptions(process.argv.slice(2));
  if (options !== undefined) return bench(options, run);
  print(USAGE);
  return 0;
});

async function bench(options: Options, run: Run): Promise<number> {
  const { usual, most } = duration(options);
  print(`takes about ${usual} s, at most ${most} s`);
  endWithin(most, run);
  const stage = await setStage(run);
  const { machine } = stage;
  print(machineText(machine));
  const subjects = await startSubjects(stage, options, run.resources);
  print(`${startText(subjects)}\n`);
  const measured = { stage, subjects, simulatorUrl: subjects[0]?.urls[0] ?? '' };
  await warmUp(measured, options.warmUpSeconds);
  const labels = labelsOf(subjects);
  const cases: CaseResult[] = [];
  for (const one of options.cases) {
    const result = await measureCase(measured, one, options);
    cases.push(result);
    print(caseText(result, labels));
  }
  const verdicts = verdictsOf(cases, machine.cores);
  print(verdictText(verdicts));
  if (options.scale.processes !== undefined) print(coresText(options.scale.processes, machine));
  const result = { machine, options: told(options), cases, verdicts };
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(result, null, 2)}\n`);
  if (options.keep)
    print(`kept in ${keep({ kind: 'bench', ...result, cases: cases.map(inShort) }, options.name)}`);
  return options.check && !verdicts.every(({ met }) => met) ? GOAL_MISSED : 0;
}

/** Without where peers are and their headers, which may be secret, and without this machine's files. */
function told({ cases: _cases, peers, json: _json, ...rest }: Options): object {
  return { ...rest, peers: peers.map(({ name }) => name) };
}

/** Without each turn. */
function inShort({ rounds, ...rest }: CaseResult): CaseInShort {
  return { ...rest, rounds: rounds.length };
}

/** In seconds: as usual, and at the very most. */
function duration(options: Options): { usual: number; most: number } {
  const { cases, rounds, seconds, warmUpSeconds, peers, scale } = options;
  const subjects = 1 + settingsOf(options).length + peers.length;
  const turns = (cases.length * rounds + 1) * subjects;
  const filling = ((scale.auditRows ?? 0) + (scale.sessions ?? 0)) / FILLED_A_SECOND;
  const setup = SETUP_S + SETUP_OF_ONE_S * subjects + Math.ceil(filling);
  const usual = setup + subjects * warmUpSeconds + cases.length * rounds * subjects * seconds;
  return { usual, most: usual + setup + turns * LATE_S };
}
