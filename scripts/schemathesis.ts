/**
 * `npm run fuzz`: schemathesis asks a running service all that its own `/openapi.json` says, and more. Needs Python 3
 * with venv, and pip's package index. Nothing that it starts or writes is left. Further arguments go to schemathesis.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startSimulator } from '../test/simulator/simulator.ts';
import { startTestCluster } from '../test/support/cluster.ts';
import { aClient, aKey, aProject, aSecret } from '../test/support/manifests.ts';
import { type Stack, startStack } from '../test/support/stack.ts';

const SEED = process.env['FUZZ_SEED'] ?? '1';
/** Of each operation, in fuzzing and again in sequences. A count and no time, so that a seed is always the same run. */
const MAX_EXAMPLES = process.env['FUZZ_MAX_EXAMPLES'] ?? '100';
const INSTALL_TIMEOUT_S = 180;
const RUN_TIMEOUT_S = 600;
/** Of the service's log: a person has to act. */
const DEFECT = /"level":"(error|fatal)"/;
/** As the examples of the document name them. */
const PROJECT = 'proj_123';
const CLIENT = 'acme';

/** One run of schemathesis: who asks, and for what. */
interface Scope {
  name: string;
  credentials: (keyof typeof CREDENTIALS)[];
  operations: string[];
}

const CREDENTIALS = {
  clientToken: '[auth.openapi.clientToken]\nbearer = "${FUZZ_CLIENT_TOKEN}"\n',
  adminKey: '[auth.openapi.adminKey]\napi_key = "${FUZZ_ADMIN_KEY}"\n',
};

/**
 * Apart, because schemathesis sends values of one answer to other routes: with the routes of keys beside them, sessions
 * would be opened with keys that it made up.
 */
const SCOPES: Scope[] = [
  {
    name: 'clients',
    credentials: ['clientToken', 'adminKey'],
    operations: ['--include-tag=Sessions', '--include-tag=Sessions of all projects'],
  },
  { name: 'nobody', credentials: [], operations: ['--include-tag=Sessions'] },
  {
    name: 'admins',
    credentials: ['adminKey'],
    // No link leads from one of these to another.
    operations: [
      '--exclude-tag=Sessions',
      '--exclude-tag=Sessions of all projects',
      // Its answer has no end, for which schemathesis would wait; test/integration/events.spec.ts reads it.
      '--exclude-operation-id=listenToEvents',
      '--phases=examples,coverage,fuzzing',
    ],
  },
];

/** By SIGINT or SIGTERM: the run ends, and then all that was started does. */
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    interrupted.abort(new Error(signal));
  });
}

interface RunOptions {
  folder: string;
  seconds: number;
  environment?: Record<string, string>;
}

const beside = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** The exit code; 1 when it was cut short. */
async function run(command: string, args: string[], options: RunOptions): Promise<number> {
  const child = spawn(command, args, {
    cwd: options.folder,
    env: { ...process.env, ...options.environment },
    stdio: 'inherit',
    timeout: options.seconds * 1000,
    signal: interrupted.signal,
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

/** The path of the program, in an environment of its own. */
async function install(folder: string): Promise<string> {
  const environment = join(folder, 'python');
  const pip = join(environment, 'bin', 'pip');
  const requirements = beside('schemathesis.requirements.txt');
  const options = { folder, seconds: INSTALL_TIMEOUT_S };
  const steps: [string, string[]][] = [
    ['python3', ['-m', 'venv', environment]],
    [pip, ['install', '--quiet', '--disable-pip-version-check', '--requirement', requirements]],
  ];
  for (const [command, args] of steps) {
    if ((await run(command, args, options)) !== 0) throw new Error('schemathesis could not be installed');
  }
  return join(environment, 'bin', 'schemathesis');
}

async function fuzz(schemathesis: string, stack: Stack, folder: string, scope: Scope): Promise<number> {
  const configuration = join(folder, `${scope.name}.toml`);
  const parts = [
    readFileSync(beside('schemathesis.toml'), 'utf8'),
    ...scope.credentials.map((each) => CREDENTIALS[each]),
  ];
  writeFileSync(configuration, parts.join('\n'));
  process.stdout.write(`\n${scope.name}: ${scope.operations.join(' ')}\n`);
  const limits = ['--seed', SEED, '--max-examples', MAX_EXAMPLES];
  const target = ['--config-file', configuration, 'run', `${stack.url}/openapi.json`];
  return run(schemathesis, [...target, ...scope.operations, ...limits, ...process.argv.slice(2)], {
    folder,
    seconds: RUN_TIMEOUT_S,
    environment: {
      FUZZ_CLIENT_TOKEN: await stack.token(CLIENT),
      FUZZ_ADMIN_KEY: stack.adminKey,
    },
  });
}

/** Everything is on this machine, the provider too: keys that are made up go nowhere else. */
async function withStack<T>(work: (stack: Stack) => Promise<T>): Promise<T> {
  await using resources = new AsyncDisposableStack();
  const cluster = await startTestCluster();
  resources.defer(() => cluster.stop());
  process.env['TEST_SUPERUSER_URL'] = cluster.superuserUrl;
  const provider = await startSimulator();
  resources.defer(() => provider.close());
  const stack = await startStack({
    environment: { LOG_LEVEL: 'info', VESTIBULE_PROVIDER_URLS: provider.url },
    manifests: () => [
      aProject(provider.url, PROJECT, { session: { maxConcurrent: 1_000_000 } }),
      aSecret(PROJECT, aKey()),
      aClient(CLIENT, PROJECT),
    ],
  });
  resources.defer(() => stack.stop());
  return await work(stack);
}

const folder = mkdtempSync(join(tmpdir(), 'vestibule-fuzz-'));
try {
  const schemathesis = await install(folder);
  process.exitCode = await withStack(async (stack) => {
    const codes: number[] = [];
    for (const scope of SCOPES) codes.push(await fuzz(schemathesis, stack, folder, scope));
    const defects = stack.services.flatMap(({ output }) => output.filter((line) => DEFECT.test(line)));
    for (const line of defects) process.stderr.write(`${line}\n`);
    return Math.max(...codes, Math.min(defects.length, 1));
  });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
