import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import type { SignedHead } from '../../src/audit/signed-head.ts';
import { aClient } from '../support/manifests.ts';
import { type ProgramRun, runProgram } from '../support/service-process.ts';
import { aSigningKey } from '../support/signing-key.ts';
import { PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const BULK_CHAIN = `chn_${'9'.repeat(26)}`;
/** No bigint. */
const BEYOND_ANY = 100_000_000_000_000_000_000;
const TAMPERED = (chain: string, seq: number): RegExp => new RegExp(`^tampered: chain ${chain} seq ${seq}: `);

describe('heads of the audit', () => {
  let stack: Stack;
  let folder: string;
  const key = aSigningKey();

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vestibule-audit-heads-'));
    stack = await startStack({
      manifests: () => [aClient('plain', PROJECT)],
      environment: { VESTIBULE_AUDIT_SIGNING_KEY: key.privateKey },
    });
  });
  afterEach(async () => {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const program = (args: string[], environment: Record<string, string> = {}): Promise<ProgramRun> =>
    runProgram(['audit', ...args], { ...stack.environment, ...environment });
  const verify = (...args: string[]): Promise<ProgramRun> => program(['verify', ...args]);
  const head = async (): Promise<string> => (await program(['head'])).stdout;
  const token = async (): Promise<void> => {
    const { status } = await stack.admin('/clients/plain/token', { body: { ttl_seconds: 60 } });
    expect(status).toBe(200);
  };
  const tokens = async (count: number): Promise<void> => {
    for (let made = 0; made < count; made += 1) await token();
  };
  /** As somebody who may do anything to the database but has no key. */
  const asSuperuser = async (...statements: string[]): Promise<void> => {
    const client = new pg.Client({ connectionString: stack.database.superuserUrl });
    await client.connect();
    await client.query('SET session_replication_role = replica');
    for (const statement of statements) await client.query(statement);
    await client.end();
  };
  const chains = (): Promise<{ chain: string; seq: number }[]> =>
    stack.database.query('SELECT chain, seq::integer FROM audit_heads ORDER BY chain');
  const cutOff = async (chain: string, seq: number): Promise<void> =>
    asSuperuser(
      `DELETE FROM audit_events WHERE chain = '${chain}' AND seq > ${seq}`,
      `UPDATE audit_heads h SET seq = ${seq}, hash = e.hash FROM audit_events e
        WHERE h.chain = '${chain}' AND e.chain = h.chain AND e.seq = ${seq}`,
      `DELETE FROM audit_checkpoints`,
    );

  it('are signed by their writer, kept, and told in the log, at the latest when it stops', async () => {
    await stack.request('/session', { body: { project_id: PROJECT } });
    await tokens(3);
    await stack.services[0]!.stop();
    const log = stack.services[0]!.output.join('\n');
    const told = stack.services[0]!.output.filter((line) => line.includes('"audit_head"')).map(
      (line) => (JSON.parse(line) as { level: string; audit_head: SignedHead }).audit_head,
    );
    expect(told.flatMap(({ heads }) => heads.map(({ seq }) => seq)).length).toBeGreaterThan(0);
    const kept = await stack.database.query<{ signature: string }>('SELECT signature FROM audit_checkpoints');
    expect(kept.map(({ signature }) => signature).sort()).toEqual(
      told.map(({ signature }) => signature).sort(),
    );
    const signed = new Map(told.flatMap(({ heads }) => heads.map(({ chain, seq }) => [chain, seq] as const)));
    expect([...signed].map(([chain, seq]) => ({ chain, seq })).sort(byChain)).toEqual(await chains());
    const anchored = await verify('--head', file('service.log', `${log}\nno JSON\n{"level":"info"}\n`));
    expect([anchored.code, anchored.stderr]).toEqual([0, '']);
    expect(anchored.stdout).toMatch(
      /^intact: 5 rows in 2 chains; anchored by \d+ signed heads?, the newest of 2/,
    );
  });

  it('find a tail that was cut off, a chain that was cut out, and an old dump', async () => {
    await tokens(6);
    const { chain } = (await chains())[0]!;
    const old = await head();
    await tokens(2);
    const now = await head();
    const given = file('heads', `${old}${now}`);
    expect((await verify('--head', given)).code).toBe(0);
    await cutOff(chain, 6);
    const unanchored = await verify();
    expect([unanchored.code, unanchored.stdout]).toEqual([
      0,
      'intact: 6 rows in 1 chains; tail unanchored\n',
    ]);
    expect((await verify('--head', old.trim())).code).toBe(0);
    const cut = await verify('--head', given);
    expect([cut.code, cut.stdout]).toEqual([1, expect.stringMatching(TAMPERED(chain, 7)) as string]);
    await asSuperuser('DELETE FROM audit_events', 'DELETE FROM audit_heads');
    expect((await verify()).code).toBe(0);
    const out = await verify('--head', old.trim());
    expect([out.code, out.stdout]).toEqual([1, expect.stringMatching(TAMPERED(chain, 1)) as string]);
  });

  it('are believed by their signature alone, for which a public key is enough', async () => {
    await tokens(2);
    const signed = JSON.parse(await head()) as SignedHead;
    const [first] = signed.heads as [SignedHead['heads'][0]];
    const publicKey = file('public.pem', key.publicKey);
    const without = { VESTIBULE_AUDIT_SIGNING_KEY: '', NODE_ENV: 'production' };
    const given = JSON.stringify(signed);
    const judged = async (args: string[]): Promise<number | null> =>
      (await program(['verify', ...args], without)).code;
    expect(await judged(['--head', given, '--public-key', publicKey])).toBe(0);
    expect(await judged(['--head', given])).toBe(2);
    const other = file('other.pem', aSigningKey().publicKey);
    expect(await judged(['--head', given, '--public-key', other])).toBe(1);
    const forged = { ...signed, heads: [{ ...first, seq: 1 }] };
    const found = await verify('--head', JSON.stringify(forged));
    expect([found.code, found.stdout]).toEqual([
      1,
      expect.stringMatching(TAMPERED(first.chain, 1)) as string,
    ]);
  });

  it('are not read from what has none', async () => {
    await token();
    const signed = await head();
    for (const given of [
      join(folder, 'nowhere'),
      file('empty', ''),
      file('log', '{"level":"info"}\n'),
      '{"audit_head": {}}',
      file('endless', 'x'.repeat(65 * 1024 * 1024)),
      signed.replace('"v":1', '"v":2'),
    ]) {
      const { code, stdout } = await verify('--head', given);
      expect([given, code, stdout]).toEqual([given, 2, '']);
    }
    for (const path of [join(folder, 'nowhere'), file('key.pem', 'none')]) {
      expect((await verify('--public-key', path)).code).toBe(2);
    }
  });

  it('are not signed for what does not fit, nor where there is no row, nor without a key', async () => {
    const none = await program(['head']);
    expect([none.code, none.stdout]).toEqual([2, '']);
    await tokens(2);
    const production = { NODE_ENV: 'production', VESTIBULE_AUDIT_SIGNING_KEY: '' };
    expect((await program(['head'], production)).code).toBe(2);
    await asSuperuser(`UPDATE audit_heads SET hash = repeat('0', 64)`);
    const { code, stdout } = await program(['head']);
    expect([code, stdout]).toEqual([1, '']);
  });

  describe('let the oldest rows be pruned', () => {
    const soon = (): string => new Date(Date.now() + 1).toISOString();
    /** Rows in a chain of its own, more than one transaction takes. */
    const bulk = (rows: number): Promise<unknown> =>
      stack.database.query(
        `SELECT append_entries($1, (SELECT array_agg(ROW('session_created', 'success', NULL, 'project', NULL, NULL, NULL,
          NULL, 'ses_' || i, '{}')::audit_entry) FROM generate_series(1, $2::integer) AS i))`,
        [BULK_CHAIN, rows],
      );
    const rowsLeft = async (): Promise<number> => {
      const [row] = await stack.database.query<{ count: number }>(
        'SELECT count(*)::integer AS count FROM audit_events',
      );
      return row!.count;
    };

    it('and begin where they ended, also for a writer whose rows are all gone', async () => {
      await tokens(3);
      await bulk(12_000);
      const before = soon();
      await until('time has passed', () => new Date().toISOString() > before);
      const anchor = await head();
      const pruned = await program(['prune', '--before', before]);
      expect([pruned.code, pruned.stderr]).toEqual([0, '']);
      expect(pruned.stdout).toBe(`pruned: 12003 rows of 2 chains, of before ${before}\n`);
      // the pruning's own row
      expect(await rowsLeft()).toBe(1);
      await token();
      const after = await verify('--head', anchor.trim());
      expect([after.code, after.stdout]).toEqual([
        0,
        expect.stringMatching(/^intact: 2 rows in 3 chains; anchored/),
      ]);
      expect((await verify()).stdout).toBe('intact: 2 rows in 3 chains; tail unanchored\n');
      expect((await program(['head'])).code).toBe(0);
      const { json } = await stack.admin('/audit-logs?event=config_changed');
      expect(json.logs.map(({ detail }: { detail: unknown }) => detail)).toContainEqual({
        change: 'pruned',
        resource: 'audit',
        before,
        rows: 12_003,
      });
      // again, with nothing that is older
      expect((await program(['prune', '--older-than', '1'])).stdout).toMatch(/^pruned: 0 rows/);
    });

    it('and stay verifiable when a pruning is killed at any moment', async () => {
      await bulk(30_000);
      const before = soon();
      await until('time has passed', () => new Date().toISOString() > before);
      const child = spawn(process.execPath, [MAIN, 'audit', 'prune', '--before', before], {
        env: { PATH: process.env['PATH'], ...stack.environment },
        stdio: 'ignore',
      });
      await until('it has begun', async () => (await rowsLeft()) < 30_000, 20_000);
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect((await verify()).code).toBe(0);
      expect((await program(['prune', '--before', before])).code).toBe(0);
      expect((await verify()).code).toBe(0);
      expect(await rowsLeft()).toBeLessThan(5);
    });

    it('and show what was cut off or forged instead', async () => {
      await tokens(8);
      const { chain } = (await chains())[0]!;
      const [third] = await stack.database.query<{ time: Date }>(
        'SELECT time FROM audit_events WHERE seq = 4',
      );
      const prune = await program(['prune', '--before', third!.time.toISOString()]);
      expect(prune.code).toBe(0);
      const [{ seq }] = (await stack.database.query<{ seq: number }>(
        'SELECT min(seq)::integer AS seq FROM audit_events WHERE chain = $1',
        [chain],
      )) as [{ seq: number }];
      expect((await verify()).code).toBe(0);
      await stack.database.query('CREATE TABLE kept AS SELECT * FROM audit_checkpoints');
      const forgeries: [string, string, number][] = [
        ['moved ahead', `UPDATE audit_checkpoints SET heads = jsonb_set(heads, '{0,seq}', '${seq}')`, seq],
        [
          'beyond any',
          `INSERT INTO audit_checkpoints (kind, time, heads, key, signature)
            SELECT 'head', time, jsonb_set(heads, '{0,seq}', '${BEYOND_ANY}'), key, signature FROM kept LIMIT 1`,
          BEYOND_ANY,
        ],
        ['of another kind', `UPDATE audit_checkpoints SET kind = 'pruned' WHERE kind = 'head'`, 0],
        ['taken away', 'DELETE FROM audit_checkpoints', 1],
      ];
      for (const [what, statement, place] of forgeries) {
        await asSuperuser(statement);
        const { code, stdout } = await verify();
        if (place > 0) {
          expect([what, code, stdout]).toEqual([what, 1, expect.stringMatching(TAMPERED(chain, place))]);
        }
        await asSuperuser(
          'DELETE FROM audit_checkpoints',
          'INSERT INTO audit_checkpoints OVERRIDING SYSTEM VALUE SELECT * FROM kept',
        );
      }
      await asSuperuser(`DELETE FROM audit_events WHERE chain = '${chain}' AND seq = ${seq}`);
      expect((await verify()).stdout).toMatch(TAMPERED(chain, seq));
    });

    it('by nobody but the owner with the key, of nothing that was tampered with', async () => {
      await tokens(3);
      const before = soon();
      await until('time has passed', () => new Date().toISOString() > before);
      const all = await rowsLeft();
      const prune = (environment: Record<string, string>): Promise<ProgramRun> =>
        program(['prune', '--before', before], environment);
      expect((await prune({ DATABASE_MIGRATION_URL: stack.database.servingUrl })).code).toBe(2);
      expect((await prune({ NODE_ENV: 'production', VESTIBULE_AUDIT_SIGNING_KEY: '' })).code).toBe(2);
      await asSuperuser(`UPDATE audit_events SET actor = 'x' WHERE seq = 2`);
      const refused = await prune({});
      expect([refused.code, refused.stdout]).toEqual([
        1,
        expect.stringMatching(/^tampered, nothing pruned: .* seq 2: /),
      ]);
      for (const args of [
        [],
        ['--before', 'yesterday'],
        ['--older-than', '0'],
        ['--before', before, '--older-than', '1'],
      ]) {
        expect((await program(['prune', ...args])).code).toBe(2);
      }
      expect(await prune({}).then(() => rowsLeft())).toBeGreaterThanOrEqual(all);
    });
  });
});

function byChain(left: { chain: string }, right: { chain: string }): number {
  return left.chain < right.chain ? -1 : 1;
}
