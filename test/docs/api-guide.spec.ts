/** That docs/api.md has what the service has: snippets, routes, error codes; and that its programs run. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ERROR_CODES, statusesOf } from '../../src/openapi/errors.ts';
import { FLOW_SNIPPETS } from '../../src/console/pages/playground/flow-snippets.ts';
import { aClient } from '../support/manifests.ts';
import { PROJECT, type Stack, startStack } from '../support/stack.ts';
import { blocksOf, ROOT } from './support/blocks.ts';

const PAGE = 'docs/api.md';
const ON_PAGE = { baseUrl: 'http://127.0.0.1:3000', project: 'proj_demo', model: '', voice: '' };
const LANGUAGES: Record<string, string> = { curl: 'sh', Browser: 'js', TypeScript: 'ts', Python: 'py' };
const PROGRAM_TIMEOUT_MS = 20_000;

const text = readFileSync(join(ROOT, PAGE), 'utf8');
const blocks = blocksOf(PAGE);
const run = promisify(execFile);

let stack: Stack;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vestibule-guide-'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  stack = await startStack({ manifests: () => [aClient('acme', PROJECT)] });
});
afterAll(async () => {
  await stack.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** As it is on the page, but for the address and the project. */
function here(code: string): string {
  return code.replaceAll(ON_PAGE.baseUrl, stack.url).replaceAll(ON_PAGE.project, PROJECT);
}

async function runProgram(command: string, file: string, code: string): Promise<string> {
  writeFileSync(join(folder, file), here(code));
  const { stdout } = await run(command, [file], {
    cwd: folder,
    timeout: PROGRAM_TIMEOUT_MS,
    env: { PATH: process.env['PATH'], TOKEN: await stack.token('acme'), ADMIN_KEY: stack.adminKey },
  });
  return stdout;
}

const states = async (): Promise<string[]> =>
  (await stack.admin('/sessions')).json.sessions.map(({ state }: { state: string }) => state);

const flow = (language: string): string =>
  blocks.find(({ language: of, section }) => of === language && section === 'The whole flow')?.code ?? '';

it.each(Object.entries(LANGUAGES))('has the playground’s snippet in %s, word for word', (name, language) => {
  const snippet = FLOW_SNIPPETS.find((each) => each.name === name);
  expect(flow(language)).toBe(`${snippet?.code(ON_PAGE)}\n`);
});

it('has a flow in Python that opens a session, keeps it and gives it back', async () => {
  await runProgram('python3', 'flow.py', flow('py'));
  expect(await states()).toEqual(['released']);
});

it('has a flow in TypeScript that talks to the provider, and gives the session back', async () => {
  const ended = (await states()).length;
  expect(await runProgram(process.execPath, 'flow.ts', flow('ts'))).toBe('Hello. This is the simulator.\n');
  expect(stack.simulator.seen().calls).toEqual({ made: 1, open: 0 });
  expect(await states()).toEqual(new Array(ended + 1).fill('released'));
});

it('has a flow in TypeScript that compiles with the types of the provider’s SDK', async () => {
  writeFileSync(join(folder, 'flow.ts'), flow('ts'));
  const options = ['--strict', '--noEmit', '--skipLibCheck', '--target', 'es2024', '--lib', 'es2024,dom'];
  const modules = ['--module', 'nodenext', '--types', 'node'];
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
  const { stdout } = await run(process.execPath, [tsc, ...options, ...modules, 'flow.ts'], { cwd: folder });
  expect(stdout).toBe('');
}, 60_000);

it('has a program for which the provider’s SDK is enough', async () => {
  const code = blocks.find(({ code: text }) => text.includes("from 'openai'"))?.code ?? '';
  expect(await runProgram(process.execPath, 'sdk.ts', code)).toMatch(/^ek_\S+ \d+$/m);
});

it('has a program that reads the stream of events, which begins with a snapshot', async () => {
  const code = blocks.find(({ code: program }) => program.includes('/events'))?.code ?? '';
  const first = code.replace(
    'console.log(message)',
    '{ console.log(message); if (message.startsWith("event")) process.exit(0); }',
  );
  const withKey = `const adminKey = process.env.ADMIN_KEY;\n${first}`;
  expect(await runProgram(process.execPath, 'events.mjs', withKey)).toMatch(/^event: snapshot\ndata: \{/m);
});

it('has every route of the service', async () => {
  const { json } = await stack.request('/openapi.json');
  const routes = Object.entries(json.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(routes.length).toBeGreaterThan(20);
  expect(routes.filter((route) => !text.includes(`\`${route}\``) && !isPage(route))).toEqual([]);
});

it('has every error code with its status', () => {
  const rows = [...text.matchAll(/^\| (\d{3}) \| `(\w+)` \|/gm)].map(
    ([, status, code]) => `${code} ${status}`,
  );
  expect(rows.sort()).toEqual(ERROR_CODES.map((code) => `${code} ${statusesOf(code)[0]}`).sort());
});

/** What is read with the eyes, and probes. */
function isPage(route: string): boolean {
  return /^GET \/(playground|dashboard|docs|openapi\.json|console|favicon|livez|readyz)?(\/|$)/.test(route);
}
