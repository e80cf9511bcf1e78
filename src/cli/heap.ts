/**
 * On a large host V8 gives new objects 128 MB and lets garbage pile up to a multiple of what lives, and the allocator
 * below it keeps an arena for each thread: twice the memory, for no session more. It also collects with four threads,
 * which for so small a heap mostly wait for each other, and take the cores of whoever shares them.
 */
const V8_FLAGS = ['--max-semi-space-size=16', '--heap-growing-percent=100', '--v8-pool-size=1'];
const ALLOCATOR = { MALLOC_ARENA_MAX: '2' };

/**
 * Starts the program over under these limits, which are read before any code runs: the same process, with its id, its
 * arguments and its open files. Does nothing where the first is set, by us or by who runs it.
 */
export function restartWithinBounds(): void {
  const { execArgv, execPath, env, argv } = process;
  const options = [...execArgv, env['NODE_OPTIONS'] ?? ''].join(' ');
  if (options.replaceAll('_', '-').includes('--max-semi-space-size') || process.platform === 'win32') return;
  process.execve?.(execPath, [execPath, ...execArgv, ...V8_FLAGS, ...argv.slice(1)], {
    ...ALLOCATOR,
    ...env,
  });
}
