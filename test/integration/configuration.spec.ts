import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprintOf } from '../simulator/simulator.ts';
import { aClient, aKey, aProject, aSecret, removeManifests, writeManifests } from '../support/manifests.ts';
import { type Answer, PROJECT, startStack, type Stack } from '../support/stack.ts';
import { until } from '../support/until.ts';

/** A change of the directory takes effect in every process within this time. */
const SEEN_MS = 1_000;

interface Problem {
  source: string;
  field: string;
  message: string;
}

describe('configuration by manifests', () => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({ processes: 2 });
  });
  afterAll(async () => {
    await stack.stop();
  });

  const write = (file: string, ...manifests: Record<string, unknown>[]): void => {
    writeManifests(stack.directory, file, manifests);
  };
  const writeText = (file: string, text: string): void => {
    writeFileSync(join(stack.directory, `.${file}`), text);
    renameSync(join(stack.directory, `.${file}`), join(stack.directory, file));
  };
  const readFile = (file: string): string => readFileSync(join(stack.directory, file), 'utf8');
  const aWorking = (projectId: string, spec = {}): Record<string, unknown>[] => [
    aProject(stack.simulator.url, projectId, spec),
    aSecret(projectId, aKey()),
  ];
  const open = (projectId: string, base = stack.url, body = {}): Promise<Answer> =>
    stack.request('/session', { base, body: { project_id: projectId, ...body } });

  /** Waits until each process answers so; fails after SEEN_MS. */
  const seenByAll = async (what: string, ask: (base: string) => Promise<boolean>): Promise<void> => {
    await Promise.all(stack.services.map(({ url }) => until(`${what} at ${url}`, () => ask(url), SEEN_MS)));
  };
  const opensEverywhere = (projectId: string): Promise<void> =>
    seenByAll(`${projectId} opens`, async (base) => (await open(projectId, base)).status === 200);
  const answersEverywhere = (projectId: string, status: number): Promise<void> =>
    seenByAll(
      `${projectId} answers ${status}`,
      async (base) => (await open(projectId, base)).status === status,
    );
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into answers freely
  const shown = async (projectId: string, base = stack.url): Promise<any> => {
    const { json } = await stack.admin('/projects', { base });
    return (json.projects as { project_id: string }[]).find(({ project_id: id }) => id === projectId);
  };
  const problemsOf = async (source: string, base = stack.url): Promise<Problem[]> => {
    const { json } = await stack.admin('/projects', { base });
    return (json.problems as Problem[]).filter((problem) => problem.source === source);
  };
  const reportedEverywhere = async (source: string): Promise<Problem[]> => {
    await seenByAll(`${source} is reported`, async (base) => (await problemsOf(source, base)).length > 0);
    return problemsOf(source);
  };
  const stateOf = async (opened: Answer): Promise<unknown> => {
    const { json } = await stack.request(`/session/${opened.json.session_id}`, {
      headers: { authorization: `Bearer ${opened.json.lease_token}` },
    });
    return json.state;
  };
  const endsAs = (opened: Answer, state: string): Promise<unknown> =>
    until(`the session is ${state}`, async () => (await stateOf(opened)) === state, SEEN_MS);

  describe('a file', () => {
    it.each([
      ['JSON', 'formats.json', (text: string) => text],
      ['YAML', 'formats.yaml', (text: string) => (JSON.parse(text) as object[]).map(asYaml).join('---\n')],
      ['.yml', 'formats.yml', (text: string) => (JSON.parse(text) as object[]).map(asYaml).join('---\n')],
    ])('of %s with many documents is served', async (_what, file, format) => {
      const id = `proj_${file.replace('.', '_')}`;
      writeText(file, format(JSON.stringify(aWorking(id))));
      await opensEverywhere(id);
    });

    it('takes effect in every process when it is written, edited in place, replaced and deleted', async () => {
      write('life.json', ...aWorking('proj_life', { session: { maxConcurrent: 40 } }));
      await opensEverywhere('proj_life');
      const edited = aWorking('proj_life', { session: { maxConcurrent: 41 } });
      writeFileSync(join(stack.directory, 'life.json'), JSON.stringify(edited));
      await seenByAll('the edit', async (base) => (await shown('proj_life', base))?.max_concurrent === 41);
      write('life.json', ...aWorking('proj_life', { session: { maxConcurrent: 42 } }));
      await seenByAll(
        'the replacement',
        async (base) => (await shown('proj_life', base))?.max_concurrent === 42,
      );
      removeManifests(stack.directory, 'life.json');
      await answersEverywhere('proj_life', 401);
      write('life.json', ...aWorking('proj_life'));
      await opensEverywhere('proj_life');
    });

    it('brings its key from data or stringData, and a changed key is in use within 1 s', async () => {
      const [data, text, changed] = [aKey(), aKey(), aKey()];
      const project = aProject(stack.simulator.url, 'proj_strings');
      const { data: _data, ...secret } = aSecret('proj_strings', data);
      const seen = (what: string, key: string): Promise<void> =>
        seenByAll(
          what,
          async (base) => (await shown('proj_strings', base))?.key_fingerprint === fingerprintOf(key),
        );
      write('strings.json', project, aSecret('proj_strings', data));
      await seen('data', data);
      write('strings.json', project, { ...secret, stringData: { apiKey: text } });
      await seen('stringData', text);
      write('strings.json', project, { ...secret, stringData: { apiKey: changed } });
      await seen('the change', changed);
      stack.simulator.reset();
      expect((await open('proj_strings')).status).toBe(200);
      expect(Object.keys(stack.simulator.seen().by_key)).toEqual([fingerprintOf(changed)]);
    });
  });

  describe('what is not valid', () => {
    it('is reported by path and field, and the last good version stays', async () => {
      write('bad.json', ...aWorking('proj_bad'));
      await opensEverywhere('proj_bad');
      write(
        'bad.json',
        ...aWorking('proj_bad', { session: { leaseSeconds: 1, voices: 'echo' }, limitz: {} }),
      );
      const problems = await reportedEverywhere('bad.json#1');
      expect(problems.map(({ field }) => field).sort()).toEqual([
        '/spec/limitz',
        '/spec/session/leaseSeconds',
        '/spec/session/voices',
      ]);
      for (const { output } of stack.services) {
        for (const field of ['/spec/limitz', '/spec/session/voices']) {
          const line = await until('it is logged', () =>
            output.find((text) => text.includes('bad.json#1') && text.includes(field)),
          );
          expect(JSON.parse(line)).toMatchObject({ level: 'warn', source: 'bad.json#1', field });
        }
      }
      for (const { url } of stack.services) expect((await open('proj_bad', url)).status).toBe(200);
      write('bad.json', ...aWorking('proj_bad', { session: { maxConcurrent: 7 } }));
      await seenByAll(
        'the mended one',
        async (base) => (await shown('proj_bad', base))?.max_concurrent === 7,
      );
      expect(await problemsOf('bad.json#1')).toEqual([]);
    });

    it('does not take down what else stands in its file', async () => {
      const bad = aProject(stack.simulator.url, 'proj_beside', { session: { maxConcurrent: 0 } });
      write('beside.json', bad, ...aWorking('proj_fine'));
      await opensEverywhere('proj_fine');
      expect(await problemsOf('beside.json#1')).toHaveLength(1);
    });

    it.each([
      [
        'torn.yaml',
        (key: string) => `kind: Secret\nmetadata: {name: proj-torn-key}\nstringData: {apiKey: "${key}\n`,
      ],
      ['torn.json', (key: string) => `[{"kind":"Secret","stringData":{"apiKey":"${key}"}},`],
      [
        'torn-kind.yaml',
        (key: string) => `kind: Secrett\nmetadata: {name: ${key}}\nstringData: {apiKey: ${key}}\n`,
      ],
      [
        'torn-key.yaml',
        (key: string) => `kind: Secret\nmetadata: {name: torn-key}\nstringData: {apiKey: ${key} and}\n`,
      ],
      [
        'torn-field.yaml',
        (key: string) => `kind: Project\nmetadata: {name: torn-field}\nspec: {projectId: "${key} x"}\n`,
      ],
    ])('is reported without a word of it: %s', async (file, text) => {
      const secret = aKey();
      writeText(file, text(secret));
      const problems = await reportedEverywhere(file);
      expect(problems).toHaveLength(1);
      const log = stack.services.flatMap(({ output }) => output);
      expect(log.some((line) => line.includes(file))).toBe(true);
      expect(log.filter((line) => line.includes(secret))).toEqual([]);
      expect(JSON.stringify(problems)).not.toContain(secret);
      removeManifests(stack.directory, file);
    });

    it('keeps the projects and keys of a file that cannot be parsed any more', async () => {
      const key = aKey();
      write('kept.json', aProject(stack.simulator.url, 'proj_kept'), aSecret('proj_kept', key));
      await opensEverywhere('proj_kept');
      writeText('kept.json', '[{');
      await reportedEverywhere('kept.json');
      stack.simulator.reset();
      for (const { url } of stack.services) expect((await open('proj_kept', url)).status).toBe(200);
      expect(Object.keys(stack.simulator.seen().by_key)).toEqual([fingerprintOf(key)]);
    });

    it.each([
      ['an unknown field', { extra: 1 }, '/spec/extra'],
      ['an unknown field further in', { session: { modles: [] } }, '/spec/session/modles'],
      [
        'a base URL that is not allowed',
        { provider: { baseUrl: 'https://evil.example.com/v1' } },
        '/spec/provider/baseUrl',
      ],
      [
        'a base URL with credentials',
        { provider: { baseUrl: 'http://a:b@127.0.0.1/v1' } },
        '/spec/provider/baseUrl',
      ],
      [
        'a lease shorter than the secret',
        { session: { secretTtlSeconds: 100, leaseSeconds: 99 } },
        '/spec/session/leaseSeconds',
      ],
      ['no slots', { session: { maxConcurrent: 0 } }, '/spec/session/maxConcurrent'],
      ['too many slots', { session: { maxConcurrent: 1_000_001 } }, '/spec/session/maxConcurrent'],
      ['a short secret', { session: { secretTtlSeconds: 9 } }, '/spec/session/secretTtlSeconds'],
      [
        'a long secret',
        { session: { secretTtlSeconds: 7_201, leaseSeconds: 7_200 } },
        '/spec/session/secretTtlSeconds',
      ],
      ['a long lease', { session: { leaseSeconds: 7_201 } }, '/spec/session/leaseSeconds'],
      ['a short session', { session: { maxDurationSeconds: 29 } }, '/spec/session/maxDurationSeconds'],
      ['a number as text', { session: { maxConcurrent: '5' } }, '/spec/session/maxConcurrent'],
      [
        'a default voice that is not listed',
        { session: { voices: ['echo'], defaults: { voice: 'ash' } } },
        '/spec/session/defaults/voice',
      ],
      ['an id that is none', { projectId: '-x' }, '/spec/projectId'],
      ['an access that is none', { access: { projectId: 'open' } }, '/spec/access/projectId'],
    ])('is refused with its path: %s', async (_what, spec, field) => {
      write('refused.json', aProject(stack.simulator.url, 'proj_refused', spec));
      await until(
        'it is reported',
        async () => (await problemsOf('refused.json')).some((problem) => problem.field === field),
        SEEN_MS,
      );
      expect((await open('proj_refused')).status).toBe(401);
      removeManifests(stack.directory, 'refused.json');
      await until('it is gone', async () => (await problemsOf('refused.json')).length === 0, SEEN_MS);
    });

    it.each([
      ['no project', { projectRef: undefined }, '/spec/projectRef'],
      ['an unknown field', { role: 'admin' }, '/spec/role'],
      [
        'a service account beside a client id',
        { serviceAccount: { namespace: 'a', name: 'b' } },
        '/spec/serviceAccount',
      ],
      ['a time that is none', { tokensNotBefore: '2026-13-01T00:00:00Z' }, '/spec/tokensNotBefore'],
    ])('is refused in a client, too: %s', async (_what, spec, field) => {
      write('client.json', aClient('refused', 'proj_test', spec));
      await until(
        'it is reported',
        async () => (await problemsOf('client.json')).some((problem) => problem.field === field),
        SEEN_MS,
      );
      removeManifests(stack.directory, 'client.json');
      await until('it is gone', async () => (await problemsOf('client.json')).length === 0, SEEN_MS);
    });
  });

  describe('two claims', () => {
    const claim = (name: string, max: number, created?: string): Record<string, unknown> => ({
      ...aProject(stack.simulator.url, 'proj_claimed', {
        keySecretRef: { name: 'proj-claimed-key' },
        session: { maxConcurrent: max },
      }),
      metadata: { name, ...(created && { creationTimestamp: created }) },
    });
    const served = (max: number): Promise<void> =>
      seenByAll(
        `the one with ${max} slots`,
        async (base) => (await shown('proj_claimed', base))?.max_concurrent === max,
      );

    it('to a project id are decided for the oldest, and the other takes over when it goes', async () => {
      write('claimed-secret.json', aSecret('proj_claimed', aKey()));
      write('claim-z.json', claim('zz-oldest', 31, '2026-01-01T00:00:00Z'));
      await served(31);
      write('claim-a.json', claim('aa-younger', 32, '2026-01-02T00:00:00Z'));
      expect(await reportedEverywhere('claim-a.json')).toEqual([
        {
          source: 'claim-a.json',
          field: '/spec/projectId',
          message: expect.stringContaining('claim-z.json'),
        },
      ]);
      await served(31);
      removeManifests(stack.directory, 'claim-z.json');
      await served(32);
      write('claim-z.json', claim('zz-oldest', 31, '2026-01-01T00:00:00Z'));
      await served(31);
      for (const file of ['claim-a.json', 'claim-z.json']) removeManifests(stack.directory, file);
    });

    it('without times of creation stay with the first, also when that one is suspended and edited', async () => {
      write('first.json', claim('zz-first', 33));
      await served(33);
      write('also.json', claim('aa-also', 34));
      await reportedEverywhere('also.json');
      expect(
        (await stack.admin('/projects/proj_claimed', { method: 'PATCH', body: { suspended: true } })).status,
      ).toBe(200);
      await answersEverywhere('proj_claimed', 403);
      write('first.json', claim('zz-first', 35));
      await served(35);
      for (const file of ['also.json', 'first.json']) removeManifests(stack.directory, file);
    });
  });

  it('fills in the defaults', async () => {
    const key = aKey();
    write(
      'defaults.json',
      {
        kind: 'Project',
        metadata: { name: 'proj-defaults' },
        spec: { provider: { baseUrl: stack.simulator.url } },
      },
      aSecret('proj-defaults', key),
      {
        kind: 'Client',
        metadata: { name: 'client-defaults' },
        spec: { projectRef: { name: 'proj-defaults' } },
      },
    );
    await until('it is served', async () => (await shown('proj-defaults')) !== undefined, SEEN_MS);
    stack.simulator.reset();
    const before = Math.floor(Date.now() / 1000);
    const opened = await stack.request('/session', {
      // no origin is excluded, no voice or model either
      headers: { origin: 'https://any.example.com' },
      body: { project_id: 'proj-defaults', voice: 'cedar' },
    });
    const after = Math.ceil(Date.now() / 1000);
    expect(opened.status).toBe(200);
    expect(opened.json).toMatchObject({
      model: 'gpt-realtime-2.1',
      voice: 'cedar',
      turn_credentials: { iceServers: expect.any(Array) },
      metadata: { project_id: 'proj-defaults', provider: 'openai', max_concurrent: 5 },
    });
    expect(opened.headers.get('access-control-allow-origin')).toBe('https://any.example.com');
    expect(stack.simulator.seen().log[0]).toMatchObject({ ttl: 60, key_fingerprint: fingerprintOf(key) });
    expect(opened.json.lease_expires_at).toBeGreaterThanOrEqual(before + 120 - 1);
    expect(opened.json.lease_expires_at).toBeLessThanOrEqual(after + 120 + 1);
    const session = await stack.admin(`/session/${opened.json.session_id}`);
    const lasts = Date.parse(session.json.ends_at) / 1000;
    expect(Math.abs(lasts - before - 3_600)).toBeLessThan(3);
    // 60 requests a minute of one address refuse before the project's 100 in 15 minutes; the last one is reported
    expect(opened.headers.get('x-ratelimit-limit')).toBe('100');
    const reset = Number(opened.headers.get('x-ratelimit-reset'));
    expect(Math.abs(reset - before - 900)).toBeLessThan(3);

    const asClient = await stack.request('/session', {
      headers: { authorization: `Bearer ${await stack.token('client-defaults', { iat: 1 })}` },
      body: { model: 'gpt-4o-realtime-preview' },
    });
    expect(asClient.status).toBe(200);
    expect(asClient.json).toMatchObject({ model: 'gpt-realtime-2.1', voice: 'alloy' });
    expect(asClient.headers.get('x-ratelimit-limit')).toBe('100');
    const { json } = await stack.admin('/clients');
    expect(json.clients).toContainEqual(
      expect.objectContaining({
        client_id: 'client-defaults',
        issuer: null,
        service_account: null,
        max_concurrent: 5,
        suspended: false,
      }),
    );
    const capped = await Promise.all(Array.from({ length: 4 }, () => open('proj-defaults')));
    expect(capped.map(({ status }) => status).sort()).toEqual([200, 200, 200, 429]);
    const rest = await Promise.all(Array.from({ length: 56 }, () => open('proj-defaults')));
    const refused = rest.filter(({ json: { error } }) => error === 'rate_limited');
    expect(refused).toHaveLength(1);
    expect(refused[0]?.headers.get('x-ratelimit-limit')).toBe('60');
    expect(await shown('proj-defaults')).toMatchObject({
      provider: { type: 'openai', baseUrl: stack.simulator.url },
      suspended: false,
    });
  });

  it.each<[string, string, { issuer?: string; clientId?: undefined; serviceAccount?: object }, string]>([
    ['another issuer', 'issued', { issuer: 'https://issuer.example.com' }, 'another issuer'],
    [
      'a cluster',
      'account',
      { clientId: undefined, serviceAccount: { namespace: 'shop', name: 'web' } },
      'its cluster',
    ],
  ])(
    'tells that the tokens of a client are signed by %s, and issues none',
    async (_what, name, spec, said) => {
      write(`${name}.json`, aClient(name, PROJECT, spec));
      const client = await until(
        'it is told',
        async () => {
          const { json } = await stack.admin('/clients');
          return (json.clients as { name: string }[]).find((one) => one.name === name);
        },
        SEEN_MS,
      );
      expect(client).toMatchObject({
        issuer: spec.issuer ?? null,
        service_account: spec.serviceAccount ?? null,
      });
      const { status, json } = await stack.admin(`/clients/${name}/token`, { body: {} });
      expect([status, json.error]).toEqual([400, 'invalid_request']);
      expect(json.message).toContain(said);
    },
  );

  it('has the provider’s own address as the default one', async () => {
    write('address.json', { kind: 'Project', metadata: { name: 'proj-address' }, spec: {} });
    await until('it is read', async () => (await shown('proj-address')) !== undefined, SEEN_MS);
    expect(await shown('proj-address')).toMatchObject({
      provider: { type: 'openai', baseUrl: 'https://api.openai.com/v1' },
      ready: false,
    });
  });

  describe('suspension', () => {
    const suspend = (id: string, suspended: boolean): Promise<Answer> =>
      stack.admin(`/projects/${id}`, { method: 'PATCH', body: { suspended } });

    it('takes effect, and ends, while the rest of the manifest is not valid', async () => {
      const [id, client] = ['proj_broken', 'broken'];
      const file = 'suspended-broken.json';
      const [project, secret] = aWorking(id) as [Record<string, object>, Record<string, object>];
      const broken = (manifest: Record<string, unknown>, suspended: boolean): Record<string, unknown> => ({
        ...manifest,
        spec: { ...(manifest['spec'] as object), unknown: 1, suspended },
      });
      write(file, project, secret, aClient(client, id));
      await opensEverywhere(id);
      const token = await stack.token(client);
      const asClient = async (base: string): Promise<number> =>
        (await stack.request('/session', { base, headers: { authorization: `Bearer ${token}` }, body: {} }))
          .status;
      write(file, broken(project, true), secret, aClient(client, id));
      await answersEverywhere(id, 403);
      write(file, broken(project, false), secret, broken(aClient(client, id), true));
      await opensEverywhere(id);
      await seenByAll('the client is suspended', async (base) => (await asClient(base)) === 403);
      write(file, project, secret, broken(aClient(client, id), false));
      await seenByAll('the client is served', async (base) => (await asClient(base)) === 200);
    });

    it('by PATCH ends live sessions, refuses new ones in every process, and is taken back', async () => {
      write('patched.json', ...aWorking('proj_patched'), aClient('patched', 'proj_patched'));
      await opensEverywhere('proj_patched');
      const authorization = `Bearer ${await stack.token('patched')}`;
      const live = [
        await open('proj_patched'),
        await stack.request('/session', {
          headers: { authorization },
          body: {},
          base: stack.services[1]!.url,
        }),
      ];
      const patched = await suspend('proj_patched', true);
      expect([patched.status, patched.json.suspended, patched.json.ready]).toEqual([200, true, false]);
      const refused = await open('proj_patched');
      expect([refused.status, refused.json.error]).toEqual([403, 'suspended']);
      await answersEverywhere('proj_patched', 403);
      for (const opened of live) await endsAs(opened, 'terminated');
      const asClient = await stack.request('/session', { headers: { authorization }, body: {} });
      expect([asClient.status, asClient.json.error]).toEqual([403, 'suspended']);
      expect((await suspend('proj_patched', false)).json.ready).toBe(true);
      expect((await open('proj_patched')).status).toBe(200);
      await opensEverywhere('proj_patched');
    });

    it('by file ends live sessions and refuses new ones', async () => {
      write('by-file.json', ...aWorking('proj_by_file'));
      await opensEverywhere('proj_by_file');
      const live = await open('proj_by_file');
      write('by-file.json', ...aWorking('proj_by_file', { suspended: true }));
      await Promise.all([answersEverywhere('proj_by_file', 403), endsAs(live, 'terminated')]);
      write('by-file.json', ...aWorking('proj_by_file'));
      await opensEverywhere('proj_by_file');
    });

    it('of a client ends that client’s sessions only', async () => {
      const manifests = aWorking('proj_clients');
      write('clients.json', ...manifests, aClient('stays', 'proj_clients'), aClient('goes', 'proj_clients'));
      await opensEverywhere('proj_clients');
      const [staying, going] = await Promise.all(
        ['stays', 'goes'].map(async (client) =>
          stack.request('/session', {
            headers: { authorization: `Bearer ${await stack.token(client)}` },
            body: {},
          }),
        ),
      );
      write(
        'clients.json',
        ...manifests,
        aClient('stays', 'proj_clients'),
        aClient('goes', 'proj_clients', { suspended: true }),
      );
      await endsAs(going!, 'terminated');
      expect(await stateOf(staying!)).toBe('active');
    });

    it('keeps the comments and the order of a YAML file', async () => {
      const [project, secret] = aWorking('proj_yaml');
      const text =
        `# Ask ops before you edit.\n${asYaml(project!)}---\n# the key\n${asYaml(secret!)}`.replace(
          'projectId: ',
          '# never rename\n  projectId: ',
        );
      writeText('commented.yaml', text);
      await opensEverywhere('proj_yaml');
      expect((await suspend('proj_yaml', true)).status).toBe(200);
      await answersEverywhere('proj_yaml', 403);
      const suspended = readFile('commented.yaml');
      for (const comment of ['# Ask ops before you edit.', '# never rename', '# the key']) {
        expect(suspended).toContain(comment);
      }
      expect((await suspend('proj_yaml', false)).status).toBe(200);
      expect(readFile('commented.yaml')).toBe(suspended.replace('suspended: true', 'suspended: false'));
      await opensEverywhere('proj_yaml');
    });

    it('of what is not there is a 404, and of anything else than true or false a 400', async () => {
      expect((await suspend('proj_nowhere', true)).status).toBe(404);
      for (const body of [{}, { suspended: 'yes' }, { suspended: true, other: 1 }, [], 'null']) {
        const answer = await stack.admin('/projects/proj_test', { method: 'PATCH', body });
        expect([answer.status, answer.json.error]).toEqual([400, 'invalid_request']);
      }
      expect(
        (await stack.request('/projects/proj_test', { method: 'PATCH', body: { suspended: true } })).status,
      ).toBe(401);
      expect((await open('proj_test')).status).toBe(200);
    });
  });

  it('ends the sessions of a project that is deleted', async () => {
    write('deleted.json', ...aWorking('proj_deleted'));
    await opensEverywhere('proj_deleted');
    const live = await open('proj_deleted');
    rmSync(join(stack.directory, 'deleted.json'));
    await Promise.all([answersEverywhere('proj_deleted', 401), endsAs(live, 'terminated')]);
    expect(await shown('proj_deleted')).toBeUndefined();
  });
});

function asYaml(manifest: object): string {
  const lines: string[] = [];
  const add = (value: object, indent: string): void => {
    for (const [key, child] of Object.entries(value) as [string, unknown][]) {
      if (typeof child === 'object' && child !== null) {
        lines.push(`${indent}${key}:`);
        add(child, `${indent}  `);
      } else lines.push(`${indent}${key}: ${JSON.stringify(child)}`);
    }
  };
  add(manifest, '');
  return `${lines.join('\n')}\n`;
}
