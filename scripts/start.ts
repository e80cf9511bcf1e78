/**
 * `npm start`: everything on one machine. Starts a provider simulator (or uses the real provider with
 * OPENAI_API_KEY), gives the demo project a key, serves, and prints a curl that works as pasted.
 */
import type * as ServeModule from '../src/cli/serve.ts';
import { prepareDemo } from './demo/demo-project.ts';
import { startSimulatorProcess } from './demo/simulator-process.ts';

// Node does not run the decorators of src without a build.
const COMPILED: string = '../dist/cli/serve.js';
const { serve } = (await import(COMPILED)) as typeof ServeModule;

if (process.env['NODE_ENV'] === 'production') {
  process.stderr.write('npm start is the demo; in production run: vestibule serve\n');
  process.exit(78);
}
const realKey = process.env['OPENAI_API_KEY'];
// From here on the key is in the vault and nowhere else.
delete process.env['OPENAI_API_KEY'];
const directory = process.env['VESTIBULE_DIR'] || './.vestibule';
const simulator = realKey ? undefined : await startSimulatorProcess(directory);

try {
  prepareDemo(
    directory,
    realKey ? { provider: 'openai', key: realKey } : { provider: 'simulator', url: simulator?.url ?? '' },
  );
  const { service, generatedAdminKey } = await serve({
    ...(simulator && { demoProviderUrl: simulator.url }),
    beforeExit: async () => simulator?.stop(),
  });
  process.stdout.write(`
  Vestibule       ${service.url}
  Metrics         ${service.opsUrl}/metrics
  Provider        ${simulator ? `SIMULATOR at ${simulator.url}: it answers like OpenAI, nobody speaks` : 'https://api.openai.com/v1, with your OPENAI_API_KEY'}
  Admin key       ${generatedAdminKey?.reveal() ?? 'as in VESTIBULE_ADMIN_KEY'}

  A session:
    curl -sS ${service.url}/session -H 'content-type: application/json' -d '{"project_id":"proj_demo"}'

  Ctrl-C stops everything.

`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : 'failed'}\n`);
  await simulator?.stop();
  const { exitCode } = error as { exitCode?: number };
  process.exit(exitCode ?? 1);
}
