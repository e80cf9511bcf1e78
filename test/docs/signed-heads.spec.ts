/** The commands by which heads of the audit are signed and verified, as they stand on the page, beside a service with their key. */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { PROJECT, type Stack, startStack } from '../support/stack.ts';
import { blocksOf, ROOT } from './support/blocks.ts';
import { runBlocks } from './support/page-shell.ts';

const [makeKey, keepAndVerify] = blocksOf('docs/audit.md').filter(
  ({ section, language, code }) => section === 'Signed heads' && language === 'sh' && !/^kubectl/.test(code),
);

let folder: string;
let stack: Stack;

async function printedBy(block: typeof makeKey): Promise<string> {
  const [ran] = await runBlocks([block!], { folder, environment: stack.environment, here: [] });
  return ran!.printed;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vestibule-signed-heads-'));
  symlinkSync(join(ROOT, 'dist'), join(folder, 'dist'));
  await runBlocks([makeKey!], { folder, here: [] });
  stack = await startStack({
    environment: { VESTIBULE_AUDIT_SIGNING_KEY_FILE: join(folder, 'audit-key.pem') },
  });
});
afterAll(async () => {
  await (stack as Stack | undefined)?.stop();
  rmSync(folder, { recursive: true, force: true });
});

it('a head is signed with the key, and holds by its public half', async () => {
  expect((await stack.request('/session', { body: { project_id: PROJECT } })).status).toBe(200);
  expect(await printedBy(keepAndVerify)).toMatch(
    /^intact: \d+ rows in \d+ chains; anchored by 1 signed head/,
  );
});

it('the day after, a head that was kept finds what was cut off meanwhile', async () => {
  await stack.services[0]!.stop();
  const owner = new pg.Client({ connectionString: stack.database.superuserUrl });
  await owner.connect();
  try {
    await owner.query('SET session_replication_role = replica');
    await owner.query('DELETE FROM audit_events WHERE seq > 1');
    await owner.query(
      'UPDATE audit_heads h SET seq = 1, hash = e.hash FROM audit_events e WHERE e.chain = h.chain',
    );
    await owner.query('DELETE FROM audit_checkpoints');
  } finally {
    await owner.end();
  }
  await expect(printedBy(keepAndVerify)).rejects.toThrow(
    /ended with 1: tampered: chain .* seq 2: rows are missing/,
  );
});
