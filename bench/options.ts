import { parseArgs } from 'node:util';

export const USAGE = `npm run bench -- [options]

  --connections LIST       keep-alive connections, each a closed loop      (1,16,64)
  --latency LIST           milliseconds the provider takes                 (0,30)
  --rounds N               rounds of each case; medians are of these       (5)
  --seconds N              of each subject in each round                   (3)
  --projects N             projects with one client each; 1: all on one    (20)
  --quick                  64 connections at 0 ms, 16 at 30 ms; one round of 1 s, unless said otherwise
  --peer NAME=URL          another subject: the URL to POST to; repeatable
  --peer-header 'NAME=Header: value'                                        repeatable
  --simulator-port N       where peers find the provider                   (free)
  --json FILE              all rounds, medians and ratios
  --check                  exit 1 when a goal is missed
  --help
`;

/** One thing to measure everybody at. */
export interface Case {
  latencyMs: number;
  connections: number;
}

export interface Peer {
  name: string;
  url: string;
  headers: Record<string, string>;
}

export interface Options {
  cases: Case[];
  rounds: number;
  seconds: number;
  /** Of each subject, before anything is measured. */
  warmUpSeconds: number;
  projects: number;
  peers: Peer[];
  simulatorPort: number;
  json: string | undefined;
  check: boolean;
}

/** Its message is for the person who typed the command. */
export class UsageError extends Error {}

const MAX_PEERS = 5;
const RESERVED = ['simulator', 'forwarder', 'service', 'postgres', 'load'];

/** Undefined: only help was asked for. */
export function parseOptions(args: string[]): Options | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  return {
    ...(values.quick ? quickPlan(values) : planOf(values)),
    projects: integer('projects', values.projects, 1, 500),
    peers: peersOf(values.peer, values['peer-header']),
    simulatorPort: integer('simulator-port', values['simulator-port'], 0, 65_535),
    json: values.json,
    check: values.check,
  };
}

type Values = ReturnType<typeof parse>;
type Plan = Pick<Options, 'cases' | 'rounds' | 'seconds' | 'warmUpSeconds'>;

function planOf({ connections = '1,16,64', latency = '0,30', rounds = '5', seconds = '3' }: Values): Plan {
  const counts = integers('connections', connections, 1, 1_000);
  return {
    cases: integers('latency', latency, 0, 5_000).flatMap((latencyMs) =>
      counts.map((count) => ({ latencyMs, connections: count })),
    ),
    ...lengthOf(rounds, seconds),
    warmUpSeconds: 3,
  };
}

function lengthOf(rounds: string, seconds: string): Pick<Plan, 'rounds' | 'seconds'> {
  return { rounds: integer('rounds', rounds, 1, 50), seconds: integer('seconds', seconds, 1, 60) };
}

function quickPlan({ connections, latency, rounds = '1', seconds = '1' }: Values): Plan {
  if (connections !== undefined || latency !== undefined) {
    throw new UsageError('--quick has its own --connections and --latency: give either');
  }
  return {
    cases: [
      { latencyMs: 0, connections: 64 },
      { latencyMs: 30, connections: 16 },
    ],
    ...lengthOf(rounds, seconds),
    warmUpSeconds: 1,
  };
}

function parse(args: string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const texts = { ...text, multiple: true, default: [] as string[] } as const;
  try {
    return parseArgs({
      args,
      options: {
        connections: text,
        latency: text,
        rounds: text,
        seconds: text,
        projects: { ...text, default: '20' },
        quick: flag,
        peer: texts,
        'peer-header': texts,
        'simulator-port': { ...text, default: '0' },
        json: text,
        check: flag,
        help: flag,
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function integers(name: string, text: string, least: number, most: number): number[] {
  const found = text.split(',').map((item) => integer(name, item, least, most));
  if (found.length > 10) throw new UsageError(`--${name} takes at most 10 numbers`);
  if (new Set(found).size !== found.length) throw new UsageError(`--${name} names a number twice`);
  return found;
}

function integer(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (/^\d{1,6}$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(`--${name} must be of whole numbers from ${least} to ${most}`);
}

function peersOf(texts: string[], headerTexts: string[]): Peer[] {
  const peers = texts.map(peerOf);
  const names = peers.map(({ name }) => name);
  if (peers.length > MAX_PEERS) throw new UsageError(`--peer can be given ${MAX_PEERS} times`);
  if (new Set([...names, ...RESERVED]).size !== names.length + RESERVED.length) {
    throw new UsageError(`each --peer needs a name of its own, and none of ${RESERVED.join(', ')}`);
  }
  for (const text of headerTexts) addHeader(peers, text);
  return peers;
}

function peerOf(text: string): Peer {
  const [, name = '', url = ''] = /^([a-z0-9][a-z0-9-]{0,19})=(https?:\/\/.+)$/.exec(text) ?? [];
  if (!URL.canParse(url))
    throw new UsageError('--peer must be NAME=URL: a short lower-case name, an http(s) URL');
  return { name, url, headers: {} };
}

function addHeader(peers: Peer[], text: string): void {
  const [, name, header, value] = /^([^=]+)=([\w-]+): *([\x20-\x7e]*)$/.exec(text) ?? [];
  const peer = peers.find((candidate) => candidate.name === name);
  if (peer === undefined || header === undefined || value === undefined) {
    throw new UsageError("--peer-header must be 'NAME=Header: value', NAME being that of a --peer");
  }
  peer.headers[header.toLowerCase()] = value;
}
