import pg from 'pg';
import { createMigrationDataSource } from '../../src/database/data-source.ts';
import { SERVING } from '../support/cluster.ts';
import { PROJECT, startStack, type Stack } from '../support/stack.ts';

const OURS = {
  statement_timeout: '5s',
  default_transaction_isolation: 'read committed',
  synchronous_commit: 'on',
  jit: 'off',
};

describe('what the serving role’s sessions are set to', () => {
  let stack: Stack;
  beforeEach(async () => {
    stack = await startStack();
  });
  afterEach(() => stack.stop());

  /** As a connection of a pooler, on which the service never set anything. */
  const defaults = async (): Promise<Record<string, string>> => {
    const client = new pg.Client({ connectionString: stack.database.servingUrl });
    await client.connect();
    const found: [string, string][] = [];
    for (const name of Object.keys(OURS)) {
      const { rows } = await client.query<Record<string, string>>(`SHOW ${name}`);
      found.push([name, rows[0]![name]!]);
    }
    await client.end();
    return Object.fromEntries(found);
  };
  const setDefault = (text: string): Promise<unknown> =>
    stack.database.query(`ALTER ROLE ${SERVING} IN DATABASE ${stack.database.name} SET ${text}`);
  const opened = async (base: string): Promise<number> =>
    (await stack.request('/session', { base, body: { project_id: PROJECT } })).status;

  it('holds for every connection that the role opens, also of a pooler', async () => {
    expect(await defaults()).toEqual(OURS);
  });

  it('is put right at the next start when somebody changed it', async () => {
    await setDefault("synchronous_commit = 'off'");
    await setDefault("default_transaction_isolation = 'repeatable read'");
    await setDefault("statement_timeout = '1h'");
    const { url } = await stack.addService();
    expect(await defaults()).toEqual(OURS);
    expect(await opened(url)).toBe(200);
  });

  it('may wait for standbys longer than we ask for', async () => {
    await setDefault("synchronous_commit = 'remote_apply'");
    const { url } = await stack.addService();
    expect(await defaults()).toEqual({ ...OURS, synchronous_commit: 'remote_apply' });
    expect(await opened(url)).toBe(200);
  });

  it('is nobody else’s business: the owner’s sessions keep theirs', async () => {
    const owner = new pg.Client({ connectionString: stack.database.ownerUrl });
    await owner.connect();
    const { rows } = await owner.query<{ statement_timeout: string }>('SHOW statement_timeout');
    await owner.end();
    expect(rows[0]!.statement_timeout).toBe('0');
  });

  it('does not hurry a migration, also where the serving role migrates', async () => {
    const migrating = createMigrationDataSource(stack.database.servingUrl);
    await migrating.initialize();
    const rows = await migrating.query<{ statement_timeout: string }[]>('SHOW statement_timeout');
    await migrating.destroy();
    expect(rows[0]!.statement_timeout).toBe('0');
  });
});
