/** Runs the commands of pages as they stand there, against what `npm start` starts, and looks at what they print. */
import { rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type Demo, enterableFolder, startDemo } from '../pages/support/demo.ts';
import { ask } from '../support/ask.ts';
import { aKey } from '../support/manifests.ts';
import { type Block, blocksOf, ROOT } from './support/blocks.ts';
import { lastJson, shapeOf } from './support/json-shape.ts';
import { runBlocks } from './support/page-shell.ts';

/** What of a checkout the commands use. */
const USED = ['dist', 'node_modules', 'package.json', 'scripts'];
/** Sections that are pasted into a terminal beside the running demo, each page in one shell. */
const PAGES: readonly (readonly [page: string, sections: RegExp])[] = [
  ['README.md', /^(Start|How a session is opened)$/],
  ['docs/tutorial.md', /^\d\./],
  ['docs/api.md', /./],
  ['docs/migration.md', /^What the figures do$/],
  ['docs/operations.md', /^TURN$/],
  ['docs/runbooks/VestibuleKeyRejected.md', /./],
];
/** Is what started the demo; or needs a cluster. */
const NOT_HERE = /^(npm ci && npm start|kubectl|openssl rand)/;

let checkout: string;
let demo: Demo;

beforeAll(async () => {
  checkout = enterableFolder('vestibule-docs-');
  for (const name of USED) symlinkSync(join(ROOT, name), join(checkout, name));
  demo = await startDemo({ directory: join(checkout, '.vestibule') });
}, 90_000);
afterAll(async () => {
  await demo[Symbol.asyncDispose]();
  rmSync(checkout, { recursive: true, force: true });
});
afterEach(async () => {
  for (const { session_id: id } of (await admin('/sessions?state=active')).sessions) {
    await ask(`${demo.url}/sessions/${id}`, { method: 'DELETE', headers: adminHeaders() });
  }
});

const adminHeaders = () => ({ 'x-admin-api-key': demo.adminKey });
const admin = async (path: string) => (await ask(`${demo.url}${path}`, { headers: adminHeaders() })).json;

async function run(blocks: readonly Block[]) {
  const { json: session } = await ask(`${demo.url}/session`, { body: { project_id: 'proj_demo' } });
  return runBlocks(blocks, {
    folder: checkout,
    environment: {
      VESTIBULE_URL: demo.url,
      ADMIN_KEY: demo.adminKey,
      OPENAI_API_KEY: aKey(),
      LEASE_TOKEN: session.lease_token,
    },
    here: [
      ['http://127.0.0.1:3000', demo.url],
      ['paste the admin key here', demo.adminKey],
      ['PROJECT', 'proj_demo'],
    ],
  });
}

describe.each(PAGES)('%s', (page, sections) => {
  const all = blocksOf(page);
  const commands = all.filter(
    ({ language, section, code }) => language === 'sh' && sections.test(section) && !NOT_HERE.test(code),
  );

  it('has commands that do what it says', async () => {
    expect(commands).not.toEqual([]);
    for (const { block, statuses, printed } of await run(commands)) {
      const where = `${block.page}:${block.line}`;
      const expected = block.info === '' ? /^2\d\d$/ : new RegExp(`^${block.info}$`);
      expect([where, statuses.filter((status) => !expected.test(String(status)))]).toEqual([where, []]);
      // What is shown right after the commands is what they print last.
      const next = all[all.indexOf(block) + 1];
      if (next?.language !== 'json' || next.section !== block.section) continue;
      const shown = JSON.parse(next.code) as unknown;
      const came = lastJson(printed);
      expect([where, shapeOf(came, shown)]).toEqual([where, shapeOf(shown, shown)]);
    }
  }, 120_000);
});
