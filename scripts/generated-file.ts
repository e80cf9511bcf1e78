import { readFileSync, writeFileSync } from 'node:fs';

const checking = process.argv.includes('--check');

/**
 * Writes a file of the checkout; with `--check` on the command line, only tells whether it is what it should be, and
 * exits 1 at the end if not. `source` is what the file is made of, `script` what makes it.
 */
export function generate(
  path: string,
  text: string,
  { source, script }: { source: string; script: string },
): void {
  const target = new URL(`../${path}`, import.meta.url);
  if (!checking) {
    writeFileSync(target, text);
  } else if (text !== readCurrent(target)) {
    process.stderr.write(`${path} differs from ${source}: run ${script}\n`);
    process.exitCode = 1;
  }
}

function readCurrent(target: URL): string | undefined {
  try {
    return readFileSync(target, 'utf8');
  } catch {
    return undefined;
  }
}
