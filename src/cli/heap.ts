/**
 * On a large host V8 gives new objects 128 MB and lets garbage pile up to a multiple of what lives: twice the memory,
 * for no session more.
 */
const LIMITS = ['--max-semi-space-size=8', '--heap-growing-percent=50'];

/**
 * Starts the program over under these limits, which V8 reads before any code runs: the same process, with its id, its
 * environment and its open files. Does nothing where they are set, by us or by who runs it.
 */
export function limitHeap(): void {
  const options = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].join(' ');
  if (options.includes('--max-semi-space-size') || process.platform === 'win32') return;
  const args = [...process.execArgv, ...LIMITS, ...process.argv.slice(1)];
  process.execve?.(process.execPath, [process.execPath, ...args], process.env);
}
