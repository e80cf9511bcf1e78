import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOf } from '../simulator/simulator.ts';
import { aKey, aProject, aSecret, writeManifests } from '../support/manifests.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const KEY = '/projects/key';
const ROTATE = '/projects/key/rotate';
const SEEN_MS = 1_000;

describe('the keys of projects', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({ processes: 2, project: { session: { maxConcurrent: 1_000 } } });
    // The base URL of new projects is the first of the list.
    const listed = await stack.addService({ VESTIBULE_PROVIDER_URLS: stack.simulator.url });
    depositing = listed.url;
  });
  afterAll(async () => {
    await stack.stop();
  });

  let depositing: string;
  const deposit = (projectId: string, key: string, more = {}): Promise<Answer> =>
    stack.admin(KEY, {
      base: depositing,
      body: { project_id: projectId, openai_key: key, ...more },
    });
  const rotate = (projectId: string, key: string): Promise<Answer> =>
    stack.admin(ROTATE, { body: { project_id: projectId, openai_key: key } });
  const remove = (projectId: string): Promise<Answer> =>
    stack.admin(KEY, { method: 'DELETE', body: { project_id: projectId } });
  const open = (projectId: string, base = stack.url): Promise<Answer> =>
    stack.request('/session', { base, body: { project_id: projectId } });
  const bases = (): string[] => stack.services.map(({ url }) => url);
  const answersEverywhere = (projectId: string, status: number): Promise<unknown> =>
    Promise.all(
      bases().map((base) =>
        until(
          `${base} answers ${status}`,
          async () => (await open(projectId, base)).status === status,
          SEEN_MS,
        ),
      ),
    );
  const auditRows = async (): Promise<number> =>
    Number((await stack.database.query<{ count: string }>('SELECT count(*) FROM audit_events'))[0]?.count);

  describe('a deposit', () => {
    it('creates a project with the defaults, which every process serves with that key', async () => {
      const key = aKey();
      const created = await deposit('Proj.New_1', key);
      expect([created.status, created.json]).toEqual([
        201,
        {
          success: true,
          project_id: 'Proj.New_1',
          key_fingerprint: fingerprintOf(key),
          created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
        },
      ]);
      expect(created.text).not.toContain(key);
      stack.simulator.reset();
      const opened = await open('Proj.New_1', depositing);
      expect(opened.status).toBe(200);
      expect(opened.json.metadata).toMatchObject({ project_id: 'Proj.New_1', max_concurrent: 5 });
      await answersEverywhere('Proj.New_1', 200);
      expect(Object.keys(stack.simulator.seen().by_key)).toEqual([fingerprintOf(key)]);
    });

    it('keeps apart two new projects whose names come out alike', async () => {
      const [lower, upper] = [aKey(), aKey()];
      expect((await deposit('proj_alike', lower)).status).toBe(201);
      expect((await deposit('PROJ_alike', upper)).status).toBe(201);
      const { json } = await stack.admin('/projects', { base: depositing });
      const prints = (json.projects as { project_id: string; key_fingerprint: string }[])
        .filter(({ project_id: id }) => /alike/.test(id))
        .map(({ project_id: id, key_fingerprint: print }) => [id, print]);
      expect(prints.sort()).toEqual([
        ['PROJ_alike', fingerprintOf(upper)],
        ['proj_alike', fingerprintOf(lower)],
      ]);
    });

    it.each(['a..b', 'a._b', 'team-.x', 'a.-.-b', 'Z_.', 'x'])('makes a project of the id %s', async (id) => {
      expect((await deposit(id, aKey())).status).toBe(201);
      expect((await open(id, depositing)).status).toBe(200);
    });

    it('replaces a key with 200, also with the same one', async () => {
      const [first, second] = [aKey(), aKey()];
      expect((await deposit('proj_replaced', first)).status).toBe(201);
      const replaced = await deposit('proj_replaced', second);
      expect([replaced.status, replaced.json.key_fingerprint]).toEqual([200, fingerprintOf(second)]);
      const again = await deposit('proj_replaced', second);
      expect([again.status, again.json.created_at]).toEqual([200, replaced.json.created_at]);
    });

    it('gives a configured project without a key its first', async () => {
      writeManifests(stack.directory, 'keyless.json', [aProject(stack.simulator.url, 'proj_keyless')]);
      await until('it is read', async () => {
        const { json } = await stack.admin('/projects', { base: depositing });
        return (json.projects as { project_id: string }[]).some(
          ({ project_id: id }) => id === 'proj_keyless',
        );
      });
      expect((await open('proj_keyless')).status).toBe(401);
      expect((await deposit('proj_keyless', aKey())).status).toBe(201);
      await answersEverywhere('proj_keyless', 200);
    });

    it('leaves files that only their owner can read, and the key in one of them', async () => {
      const key = aKey();
      await deposit('proj_files', key);
      const files = readdirSync(stack.directory).filter((name) => name.includes('proj-files'));
      expect(files.sort()).toEqual(['project-proj-files.yaml', 'secret-proj-files-key.yaml']);
      for (const name of files) expect(statSync(join(stack.directory, name)).mode & 0o777).toBe(0o600);
      const encoded = Buffer.from(key).toString('base64');
      const holders = readdirSync(stack.directory, { recursive: true, encoding: 'utf8' }).filter((name) => {
        const path = join(stack.directory, name);
        if (!statSync(path).isFile()) return false;
        const text = readFileSync(path, 'utf8').replace(/\s/g, '');
        return text.includes(key) || text.includes(encoded);
      });
      expect(holders).toEqual(['secret-proj-files-key.yaml']);
    });

    it('with validate asks the provider first', async () => {
      const [bad, good] = [aKey(), aKey()];
      stack.simulator.revoke(fingerprintOf(bad));
      stack.simulator.reset();
      const rows = await auditRows();
      const files = readdirSync(stack.directory);
      const refused = await deposit('proj_validated', bad, { validate: true });
      expect([refused.status, refused.json.error]).toEqual([400, 'invalid_key']);
      expect(refused.text).not.toContain(bad);
      expect([await auditRows(), readdirSync(stack.directory)]).toEqual([rows, files]);
      expect((await deposit('proj_validated', good, { validate: true })).status).toBe(201);
      const { by_key: byKey } = stack.simulator.seen();
      expect(Object.keys(byKey).sort()).toEqual([fingerprintOf(bad), fingerprintOf(good)].sort());
      const loaded = await stack.database.query(
        `SELECT FROM audit_events WHERE event = 'vault_key_loaded' AND detail->>'key_fingerprint' = ANY ($1)`,
        [[fingerprintOf(bad), fingerprintOf(good)]],
      );
      expect(loaded).toEqual([]);
    });

    it('with validate keeps the old key when the provider does not know', async () => {
      const [old, fresh] = [aKey(), aKey()];
      await deposit('proj_unsure', old);
      stack.simulator.fault({ kind: 'status', status: 500, key_fingerprint: fingerprintOf(fresh) });
      const answer = await deposit('proj_unsure', fresh, { validate: true });
      stack.simulator.clearFaults();
      expect([answer.status, answer.json.error]).toEqual([502, 'provider_error']);
      stack.simulator.reset();
      await open('proj_unsure', depositing);
      expect(Object.keys(stack.simulator.seen().by_key)).toEqual([fingerprintOf(old)]);
    });
  });

  describe('a rotation', () => {
    it('fails no session, and the new key is in use in every process within 1 s', async () => {
      const keys = Array.from({ length: 10 }, aKey);
      const opened: Promise<Answer>[] = [];
      for (const key of keys) {
        for (let index = 0; index < 5; index += 1) {
          opened.push(open(PROJECT, bases()[index % bases().length]));
        }
        const rotated = await rotate(PROJECT, key);
        expect([rotated.status, rotated.json]).toEqual([
          200,
          expect.objectContaining({
            success: true,
            project_id: PROJECT,
            key_fingerprint: fingerprintOf(key),
          }),
        ]);
      }
      const answers = await Promise.all(opened);
      expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
      const last = fingerprintOf(keys.at(-1)!);
      await Promise.all(
        bases().map((base) =>
          until(
            'the new key is in use',
            async () => {
              const { json } = await open(PROJECT, base);
              const [row] = await stack.database.query<{ key_fingerprint: string }>(
                'SELECT key_fingerprint FROM sessions WHERE id = $1',
                [json.session_id],
              );
              return row?.key_fingerprint === last;
            },
            SEEN_MS,
          ),
        ),
      );
      stack.simulator.reset();
      for (const base of bases()) expect((await open(PROJECT, base)).status).toBe(200);
      expect(Object.keys(stack.simulator.seen().by_key)).toEqual([last]);
    });

    it('does not fail what the provider still works on with the old key', async () => {
      stack.simulator.fault({ kind: 'latency', ms: 300, times: 1 });
      stack.simulator.reset();
      const slow = open(PROJECT);
      await until('the provider is asked', () => stack.simulator.seen().in_flight === 1);
      expect((await rotate(PROJECT, aKey())).status).toBe(200);
      expect((await slow).status).toBe(200);
    });

    it('of a project without a key, or of no project, is a 404', async () => {
      writeManifests(stack.directory, 'unkeyed.json', [aProject(stack.simulator.url, 'proj_unkeyed')]);
      for (const projectId of ['proj_unkeyed', 'proj_nowhere']) {
        const answer = await rotate(projectId, aKey());
        expect([answer.status, answer.json.error]).toEqual([404, 'not_found']);
      }
    });
  });

  describe('a removal', () => {
    it('leaves a project that answers as one that does not exist, until a key comes again', async () => {
      const key = aKey();
      writeManifests(stack.directory, 'removed.json', [
        aProject(stack.simulator.url, 'proj_removed', { session: { maxConcurrent: 100 } }),
        aSecret('proj_removed', key),
      ]);
      await answersEverywhere('proj_removed', 200);
      const removed = await remove('proj_removed');
      expect([removed.status, removed.text.includes(key)]).toEqual([200, false]);
      await answersEverywhere('proj_removed', 401);
      const [without, unknown] = [await open('proj_removed'), await open('proj_nowhere')];
      expect(without.json.message).toContain('vault-only');
      expect({ ...without.json, request_id: '' }).toEqual({ ...unknown.json, request_id: '' });
      expect((await remove('proj_removed')).status).toBe(404);
      expect((await remove('proj_nowhere')).status).toBe(404);
      expect((await deposit('proj_removed', aKey())).status).toBe(201);
      await answersEverywhere('proj_removed', 200);
    });

    it('leaves the other keys of a Secret', async () => {
      const { data } = aSecret('proj_shared', aKey()) as { data: Record<string, string> };
      writeManifests(stack.directory, 'shared.json', [
        aProject(stack.simulator.url, 'proj_shared'),
        aProject(stack.simulator.url, 'proj_sharing', {
          keySecretRef: { name: 'proj-shared-key', key: 'other' },
        }),
        { ...aSecret('proj_shared', aKey()), data: { ...data, other: data['apiKey'] } },
      ]);
      await answersEverywhere('proj_sharing', 200);
      expect((await remove('proj_shared')).status).toBe(200);
      await answersEverywhere('proj_shared', 401);
      expect((await open('proj_sharing')).status).toBe(200);
    });
  });

  it('reports the vault’s health from a round trip that leaves nothing behind', async () => {
    const files = readdirSync(stack.directory);
    const { status, json } = await stack.admin('/health/vault');
    expect([status, json]).toEqual([200, { status: 'healthy', round_trip_ms: expect.any(Number) as number }]);
    expect(json.round_trip_ms).toBeGreaterThan(0);
    expect(readdirSync(stack.directory)).toEqual(files);
    expect((await stack.request('/health/vault')).status).toBe(401);
  });

  describe('what is not right', () => {
    const key = aKey();

    it.each<[string, string, string, unknown]>([
      ['nothing', 'DELETE', KEY, undefined],
      ['no key', 'POST', KEY, { project_id: PROJECT }],
      ['no project', 'POST', KEY, { openai_key: key }],
      ['a project id that is none', 'POST', KEY, { project_id: '../x', openai_key: key }],
      ['a project id that is too long', 'POST', KEY, { project_id: 'x'.repeat(64), openai_key: key }],
      ['a key with a space', 'POST', KEY, { project_id: PROJECT, openai_key: `${key} ` }],
      ['a key with a line end', 'POST', ROTATE, { project_id: PROJECT, openai_key: `${key}\r\nx: y` }],
      ['a key that is too short', 'POST', KEY, { project_id: PROJECT, openai_key: key.slice(-7) }],
      ['a key that is too long', 'POST', ROTATE, { project_id: PROJECT, openai_key: key.repeat(20) }],
      ['a key in a list', 'POST', KEY, { project_id: PROJECT, openai_key: [key] }],
      ['an unknown field named as the key', 'POST', KEY, { project_id: PROJECT, openai_key: key, [key]: 1 }],
      ['validate that is no boolean', 'POST', KEY, { project_id: PROJECT, openai_key: key, validate: key }],
      ['validate on a rotation', 'POST', ROTATE, { project_id: PROJECT, openai_key: key, validate: true }],
      ['broken JSON', 'POST', KEY, `{"project_id":"${PROJECT}","openai_key":"${key}"`],
      ['a key given to a removal', 'DELETE', KEY, { project_id: PROJECT, openai_key: key }],
    ])('is refused without an echo: %s', async (_what, method, path, body) => {
      const answer = await stack.admin(path, { method, ...(body === undefined ? {} : { body }) });
      expect([answer.status, answer.json.error]).toEqual([400, 'invalid_request']);
      expect(answer.json.details).toEqual([expect.objectContaining({ path: expect.any(String) as string })]);
      expect(answer.text).not.toContain(key.slice(-7));
    });

    it('changed nothing', async () => {
      expect((await open(PROJECT)).status).toBe(200);
    });

    it.each([
      ['POST', KEY],
      ['POST', ROTATE],
      ['DELETE', KEY],
      ['GET', '/health/vault'],
    ])('needs the right admin key: %s %s', async (method, path) => {
      const wrong: Record<string, string>[] = [
        {},
        { 'x-admin-api-key': aKey() },
        { 'x-admin-api-key': stack.adminKey.slice(0, -1) },
        { authorization: `Bearer ${stack.adminKey}` },
      ];
      for (const headers of wrong) {
        const body = method === 'GET' ? {} : { body: { project_id: PROJECT, openai_key: aKey() } };
        const answer = await stack.request(path, { method, headers, ...body });
        expect([answer.status, answer.json.error]).toEqual([401, 'unauthorized']);
      }
    });
  });
});
