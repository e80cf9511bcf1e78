import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../docs/support/blocks.ts';
import { runBash } from '../../support/bash.ts';

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
    const [, text] = readFileSync(join(ROOT, page), 'utf8').split(`\n## ${section}\n`);
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
    const { code, stdout, stderr } = await runBash([this.#needed, ...steps].join('\n'), {
      folder: ROOT,
      environment: { ...process.env, ...this.#environment },
      timeoutMs: TIMEOUT_MS,
      signal: 'SIGTERM',
    });
    if (code !== 0) throw new Error(`steps ${numbers.join(', ')} ended with ${code}: ${stdout}${stderr}`);
    return stdout;
  }

  #step(number: number): string {
    const step = this.#steps[number - 1];
    if (step === undefined) throw new Error(`there is no step ${number}`);
    // In a list with || the shell would not end the step at its first error.
    return `${step}if (( $? != 0 )); then exit 1; fi`;
  }
}
