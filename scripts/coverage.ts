/**
 * Runs the tests and reports what of `src/` they ran, in the processes of the program that they start and in their own.
 * Exits 1 when a test fails or a room is below its floor.
 */
import { Report } from 'c8';
import coverage, { type CoverageMap, type CoverageMapData } from 'istanbul-lib-coverage';
import { createContext } from 'istanbul-lib-report';
import reports from 'istanbul-reports';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUTPUT = join(ROOT, 'coverage');
/** Written by Node, one file a process that ended by itself; a killed one writes none. */
const PROCESSES = join(OUTPUT, 'processes');
const PROGRAM = join(OUTPUT, 'program');
/** As `coverageDirectory` in config/jest.config.mjs. */
const IN_PROCESS = join(OUTPUT, 'in-process');

interface Floor {
  lines: number;
  branches: number;
}

/**
 * Percent, a little under what was measured, for the rooms whose every rule has to be tried. Elsewhere a figure
 * would ask for tests of what cannot happen.
 */
const FLOORS: Readonly<Record<string, Floor>> = {
  audit: { lines: 97, branches: 92 },
  auth: { lines: 98, branches: 95 },
  session: { lines: 99, branches: 94 },
  vault: { lines: 97, branches: 94 },
};

rmSync(OUTPUT, { recursive: true, force: true });
runTests();
const map = await programCoverage();
addInProcess(map);
const context = createContext({ dir: OUTPUT, coverageMap: map });
reports.create('text', { maxCols: 120, skipFull: true }).execute(context);
for (const name of ['lcovonly', 'json-summary'] as const) reports.create(name).execute(context);
const problems = Object.entries(FLOORS).flatMap(belowFloor);
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length > 0) process.exitCode = 1;

function runTests(): void {
  const { status } = spawnSync('npm', ['test', '--', '--coverage'], {
    cwd: ROOT,
    stdio: 'inherit',
    env: { ...process.env, PROGRAM_COVERAGE_DIR: PROCESSES },
  });
  if (status !== 0) process.exit(status ?? 1);
}

/** Of the built program, told in lines of `src/` by its source maps. */
async function programCoverage(): Promise<CoverageMap> {
  await new Report({
    tempDirectory: PROCESSES,
    include: ['dist/**'],
    reporter: ['json'],
    reportsDirectory: PROGRAM,
  }).run();
  rmSync(PROCESSES, { recursive: true });
  return coverage.createCoverageMap(read(PROGRAM));
}

/** Adds what tests ran by importing it. Jest also names each file that none imported, as one block that never ran. */
function addInProcess(map: CoverageMap): void {
  const known = new Set(map.files());
  for (const [path, file] of Object.entries(read(IN_PROCESS))) {
    const imported = coverage.createFileCoverage(file).toSummary().lines.covered > 0;
    if (imported || !known.has(path)) map.addFileCoverage(file);
  }
}

function read(directory: string): CoverageMapData {
  return JSON.parse(readFileSync(join(directory, 'coverage-final.json'), 'utf8')) as CoverageMapData;
}

function belowFloor([room, floor]: [string, Floor]): string[] {
  const summary = coverage.createCoverageSummary();
  for (const file of map.files()) {
    if (relative(ROOT, file).startsWith(join('src', room, '/'))) {
      summary.merge(map.fileCoverageFor(file).toSummary());
    }
  }
  return (['lines', 'branches'] as const)
    .filter((kind) => !(summary[kind].pct >= floor[kind]))
    .map((kind) => `src/${room}: ${kind} ${summary[kind].pct} %, the floor is ${floor[kind]} %`);
}
