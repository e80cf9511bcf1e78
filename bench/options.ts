import {
  FLAG,
  integer,
  integers,
  nameOf,
  optionalInteger,
  TEXT,
  TEXTS,
  UsageError,
  valuesOf,
} from './arguments.ts';
import { type Peer, peersOf } from './peers.ts';

export const USAGE = `npm run bench -- [options]

  --connections LIST       keep-alive connections, each a closed loop      (1,16,64)
  --latency LIST           milliseconds the provider takes                 (0,30)
  --rounds N               rounds of each case; medians are of these       (5)
  --seconds N              of each subject in each round                   (3)
  --projects N             projects with one client each; 1: all on one    (20)
  --quick                  the cases that goals are for: 16 and 64 connections at 0 and 30 ms; one round of 1 s,
                           unless said otherwise

  --two-commits            also a forwarder that commits after the provider's answer as well

The service in another setting, beside itself; each adds to every round:
  --processes N            N processes on one database, and as many forwarders
  --audit-rows N           a database that already has so many audit rows
  --sessions N             a database with so many live sessions; with --audit-rows, one that has both
  --many-projects N        so many projects
  --hot PERCENT            one project gets so much of the load
  --scale                  all of them: 2 processes, 10,000,000 rows, 100,000 sessions, 10,000 projects, 90 %;
                           64 connections at 0 ms, 16 at 30 ms, unless said otherwise

  --peer NAME=URL          another subject: the URL to POST to; repeatable
  --peer-header 'NAME=Header: value'                                        repeatable
  --simulator-port N       where peers find the provider                   (free)
  --json FILE              all rounds, medians and ratios
  --keep                   keep the result in bench/results
  --name NAME              a part of the kept result's name
  --check                  exit 1 when a goal is missed
  --help
`;

/** One thing to measure everybody at. */
export interface Case {
  latencyMs: number;
  connections: number;
}

/** What the service is beside itself. Undefined: not asked for. */
export interface Scale {
  processes: number | undefined;
  auditRows: number | undefined;
  sessions: number | undefined;
  manyProjects: number | undefined;
  hotPercent: number | undefined;
}

export interface Options {
  cases: Case[];
  rounds: number;
  seconds: number;
  /** Of each subject, before anything is measured. */
  warmUpSeconds: number;
  projects: number;
  twoCommits: boolean;
  scale: Scale;
  peers: Peer[];
  simulatorPort: number;
  json: string | undefined;
  keep: boolean;
  name: string | undefined;
  check: boolean;
}

const MAX_PROJECTS = 10_000;
const QUICK = { connections: '16,64', latency: '0,30' };
const SCALE_CASES: Case[] = [
  { latencyMs: 0, connections: 64 },
  { latencyMs: 30, connections: 16 },
];
const FULL_SCALE = {
  processes: '2',
  'audit-rows': '10000000',
  sessions: '100000',
  'many-projects': String(MAX_PROJECTS),
  hot: '90',
};

/** Undefined: only help was asked for. */
export function parseOptions(args: string[]): Options | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  return {
    ...planOf(values),
    projects: integer('projects', values.projects, 1, MAX_PROJECTS),
    twoCommits: values['two-commits'],
    scale: scaleOf(values.scale ? { ...FULL_SCALE, ...values } : values),
    peers: peersOf(values.peer, values['peer-header']),
    simulatorPort: integer('simulator-port', values['simulator-port'], 0, 65_535),
    json: values.json,
    keep: values.keep,
    name: nameOf(values.name),
    check: values.check,
  };
}

type Values = ReturnType<typeof parse>;
type Plan = Pick<Options, 'cases' | 'rounds' | 'seconds' | 'warmUpSeconds'>;

function parse(args: string[]) {
  return valuesOf(args, {
    connections: TEXT,
    latency: TEXT,
    rounds: TEXT,
    seconds: TEXT,
    projects: { ...TEXT, default: '20' },
    quick: FLAG,
    'two-commits': FLAG,
    processes: TEXT,
    'audit-rows': TEXT,
    sessions: TEXT,
    'many-projects': TEXT,
    hot: TEXT,
    scale: FLAG,
    peer: TEXTS,
    'peer-header': TEXTS,
    'simulator-port': { ...TEXT, default: '0' },
    json: TEXT,
    keep: FLAG,
    name: TEXT,
    check: FLAG,
    help: FLAG,
  });
}

function planOf(values: Values): Plan {
  const [rounds, seconds, warmUpSeconds] = values.quick ? ['1', '1', 1] : ['5', '3', 3];
  return {
    cases: casesOf(values),
    rounds: integer('rounds', values.rounds ?? rounds, 1, 50),
    seconds: integer('seconds', values.seconds ?? seconds, 1, 60),
    warmUpSeconds,
  };
}

function casesOf(values: Values): Case[] {
  const given = values.connections !== undefined || values.latency !== undefined;
  if (values.quick && given) {
    throw new UsageError('--quick has its own --connections and --latency: give either');
  }
  if (values.scale && !values.quick && !given) return SCALE_CASES;
  const { connections = '1,16,64', latency = '0,30' } = values.quick ? QUICK : values;
  const counts = integers('connections', connections, 1, 1_000);
  return integers('latency', latency, 0, 5_000).flatMap((latencyMs) =>
    counts.map((count) => ({ latencyMs, connections: count })),
  );
}

function scaleOf(values: Values): Scale {
  return {
    processes: optionalInteger('processes', values.processes, 2, 8),
    auditRows: optionalInteger('audit-rows', values['audit-rows'], 1, 100_000_000),
    sessions: optionalInteger('sessions', values.sessions, 1, 1_000_000),
    manyProjects: optionalInteger('many-projects', values['many-projects'], 1, MAX_PROJECTS),
    hotPercent: optionalInteger('hot', values.hot, 1, 99),
  };
}
