import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Of the blocks of one shell. */
const TIMEOUT_MS = 240_000;
const BLOCK = /^```sh\n(.*?)^```$/gms;

/**
 * The shell commands of a section of a page, to be run as they stand there. Its first block says what all others need; the
 * others are the numbered steps.
 */
export class PageCommands {
  readonly #needed: string;
  readonly #steps: readonly string[];
  readonly #environment: Record<string, string>;

  /** @param environment what the section's variables are here. */
  constructor(page: string, section: string, environment: Record<string, string>) {
    const [, text] = readFileSync(`${ROOT}${page}`, 'utf8').split(`\n## ${section}\n`);
    if (text === undefined) throw new Error(`${page} has no section ${section}`);
    const [own = ''] = text.split('\n## ');
    const [needed, ...steps] = [...own.matchAll(BLOCK)].map(([, commands = '']) => commands);
    if (needed === undefined) throw new Error(`${section} of ${page} has no commands`);
    this.#needed = needed;
    this.#steps = steps;
    this.#environment = environment;
  }

  get count(): number {
    return this.#steps.length;
  }

  /**
   * Runs steps as they are pasted, one after the other in one shell, with no more care for errors than the page takes; ends
   * with the first that fails. Resolves to what they printed.
   * @param numbers as on the page, from 1.
   */
  async run(...numbers: number[]): Promise<string> {
    const steps = numbers.map((number) => this.#step(number));
    const { code, printed, errors } = await bash([this.#needed, ...steps].join('\n'), this.#environment);
    if (code !== 0) throw new Error(`steps ${numbers.join(', ')} ended with ${code}: ${printed}${errors}`);
    return printed;
  }

  #step(number: number): string {
    const step = this.#steps[number - 1];
    if (step === undefined) throw new Error(`there is no step ${number}`);
    // In a list with || the shell would not end the step at its first error.
    return `${step}if (( $? != 0 )); then exit 1; fi`;
  }
}

/** What is under way after the time-out ends as a whole: bash alone would leave behind what it waits for. */
async function bash(
  commands: string,
  environment: Record<string, string>,
): Promise<{ code: number | null; printed: string; errors: string }> {
  const child = spawn('bash', ['-c', commands], {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const timer = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid);
  }, TIMEOUT_MS);
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    const [printed, said] = [output, errors].map((chunks) => Buffer.concat(chunks).toString('utf8'));
    return { code, printed: printed!, errors: said! };
  } finally {
    clearTimeout(timer);
  }
}
