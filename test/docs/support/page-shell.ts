import { runBash } from '../../support/bash.ts';
import type { Block } from './blocks.ts';

const TIMEOUT_MS = 90_000;
const BEGINS = '@@block ';
const STATUS = '@@status ';

/**
 * What the commands of a page find: a shell in which each request also tells its status, and which ends at the first
 * command that fails, or that shows a provider key in the list of processes, with all that is in the background. Nothing
 * else is different from a terminal.
 */
const PRELUDE = `set -euo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
curl() {
  [[ -z \${OPENAI_API_KEY:-} || $* != *$OPENAI_API_KEY* ]] || { echo 'a key in the list of processes' >&2; return 1; }
  command curl --max-time 20 "$@" -w '%{stderr}${STATUS}%{http_code}\\n'
}
begins() { echo "${BEGINS}$1"; echo "${BEGINS}$1" >&2; }
vestibule() { node dist/main.js "$@"; }
`;

export interface Ran {
  block: Block;
  /** Of its requests, in order. */
  statuses: number[];
  printed: string;
}

export interface Place {
  /** Where the shell is. */
  folder: string;
  environment?: Record<string, string>;
  /** What stands on the page, and what it is here. */
  here: readonly (readonly [string, string])[];
  timeoutMs?: number;
}

/** Runs the blocks in one shell, in their order, as somebody would who pastes them one after the other. */
export async function runBlocks(
  blocks: readonly Block[],
  { folder, environment, here, timeoutMs = TIMEOUT_MS }: Place,
): Promise<Ran[]> {
  const script = blocks.map(({ code }, index) => `begins ${index}\n${code}`);
  const text = here.reduce((before, [there, value]) => before.replaceAll(there, value), script.join('\n'));
  const { code, stdout, stderr } = await runBash(PRELUDE + text, {
    folder,
    environment: { PATH: process.env['PATH'], HOME: folder, ...environment },
    timeoutMs,
    signal: 'SIGKILL',
  });
  const [printed, said] = [parts(stdout), parts(stderr)];
  if (code !== 0) {
    const last = blocks[said.length - 1];
    throw new Error(`${last?.page}:${last?.line}: ended with ${code}: ${printed.at(-1)}${said.at(-1)}`);
  }
  return blocks.map((block, index) => ({
    block,
    printed: printed[index] ?? '',
    statuses: [...(said[index] ?? '').matchAll(new RegExp(`${STATUS}(\\d+)`, 'g'))].map(([, n]) => Number(n)),
  }));
}

function parts(output: string): string[] {
  return output.split(new RegExp(`${BEGINS}\\d+\\n`)).slice(1);
}
