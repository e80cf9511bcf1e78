import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AuditQueries } from '../../src/audit/audit-queries.ts';
import { verifyChains } from '../../src/audit/verify-chains.ts';
import { createDataSource } from '../../src/database/data-source.ts';
import { Database } from '../../src/database/database.ts';
import { judgeAudit } from '../../src/doctor/checks/audit.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import { OWNER, PASSWORD, SERVING } from '../support/cluster.ts';
import { aClient, aKey, aProject, aSecret, writeManifests } from '../support/manifests.ts';
import { runProgram } from '../support/service-process.ts';
import { PROJECT, startStack, type Stack } from '../support/stack.ts';

interface Examined {
  code: number | null;
  findings: Finding[];
  /** Only what is not as it should be. */
  wrong: Finding[];
}

describe('vestibule doctor', () => {
  let stack: Stack;
  let issuer: { url: string; server: Server };
  /** Where nothing listens. */
  let nowhere: URL;
  let healthy: Record<string, string>;
  const directories: string[] = [];
  const keys: string[] = [];

  beforeAll(async () => {
    stack = await startStack();
    issuer = await startIssuer();
    const gone = await startIssuer();
    gone.server.close();
    nowhere = new URL(gone.url);
    healthy = {
      ...stack.environment,
      PORT: new URL(stack.url).port,
      OPS_PORT: new URL(stack.opsUrl).port,
      VESTIBULE_JWT_ISSUERS: JSON.stringify([{ issuer: issuer.url, audience: 'vestibule' }]),
    };
    expect((await stack.request('/session', { body: { project_id: PROJECT } })).status).toBe(200);
  });
  afterAll(async () => {
    issuer.server.close();
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
    await stack.stop();
  });

  const run = async (args: string[], changed: Record<string, string>): ReturnType<typeof runProgram> => {
    const result = await runProgram(['doctor', ...args], { ...healthy, ...changed });
    const output = result.stdout + result.stderr;
    for (const secret of [stack.adminKey, stack.jwtSecret, stack.key, PASSWORD, ...keys]) {
      expect(output).not.toContain(secret);
      expect(output).not.toContain(Buffer.from(secret).toString('base64'));
    }
    return result;
  };
  const examine = async (changed: Record<string, string> = {}): Promise<Examined> => {
    const { code, stdout, stderr } = await run(['--json'], changed);
    expect(stderr).toBe('');
    const { ok, findings, version } = JSON.parse(stdout) as {
      ok: boolean;
      findings: Finding[];
      version: string;
    };
    const wrong = findings.filter(({ status }) => status === 'warning' || status === 'error');
    const hasError = wrong.some(({ status }) => status === 'error');
    expect({ ok, code }).toEqual({ ok: !hasError, code: hasError ? 1 : 0 });
    expect(version).toMatch(/^\d+\.\d+\.\d+/);
    expect(wrong.filter(({ fix }) => !fix)).toEqual([]);
    return { code, findings, wrong };
  };
  const aDirectory = (...manifests: Record<string, unknown>[]): string => {
    const directory = mkdtempSync(join(tmpdir(), 'vestibule-doctor-'));
    directories.push(directory);
    const { url } = stack.simulator;
    writeManifests(directory, 'test.json', [aProject(url, PROJECT), aSecret(PROJECT, newKey())]);
    if (manifests.length > 0) writeManifests(directory, 'more.json', manifests);
    return directory;
  };
  const newKey = (): string => {
    const key = aKey();
    keys.push(key);
    return key;
  };
  const rowCounts = (): Promise<unknown[]> =>
    stack.database.query(
      `SELECT (SELECT count(*) FROM audit_events) AS events, (SELECT count(*) FROM sessions) AS sessions,
         (SELECT count(*) FROM installation) AS installations, (SELECT count(*) FROM schema_migrations) AS migrations`,
    );
  const files = (): string[] =>
    readdirSync(stack.directory, { recursive: true })
      .map(String)
      .sort()
      .map((name) => `${name} ${statSync(join(stack.directory, name)).mtimeMs}`);

  it('finds nothing wrong with a healthy service, and changes nothing', async () => {
    const before = { rows: await rowCounts(), files: files() };
    stack.simulator.reset();
    const { findings, wrong } = await examine();
    expect(wrong).toEqual([]);
    expect(findings.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual([
      'settings',
      'variables',
      'machine',
      'files',
      'manifests',
      'database',
      'schema',
      'serving-role',
      'migration-role',
      'clock',
      'audit',
      'providers',
      'issuers',
      'ports',
      'ports',
    ]);
    const messages = findings.map(({ message }) => message).join('\n');
    expect(messages).toMatch(/^vestibule \S+ answers on PORT \d+$/m);
    expect(messages).toMatch(/^the running service is ready/m);
    expect(messages).toMatch(/^[1-9]\d* rows in [1-9]\d* chains are intact$/m);
    expect({ rows: await rowCounts(), files: files() }).toEqual(before);
    const { log } = stack.simulator.seen();
    expect(log.map(({ path, key_fingerprint: fingerprint }) => [path, fingerprint])).toEqual([
      ['/v1/models', null],
    ]);
  });

  it('tells each finding on a line with its fix below, and a summary', async () => {
    const { code, stdout } = await run([], { VESTIBULE_ADRESS_LIMIT: 'off', PORT: '0' });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ok {7}settings {8}valid/m);
    expect(stdout).toMatch(
      /^WARNING {2}variables .*VESTIBULE_ADRESS_LIMIT.*\n +fix: .*VESTIBULE_ADDRESS_LIMIT$/m,
    );
    expect(stdout).toMatch(/\n\nno error, 1 warning, 0 checks skipped; vestibule \S+\n$/);
  });

  it('exits 2 for wrong usage', async () => {
    expect((await runProgram(['doctor', '--yaml'], healthy)).code).toBe(2);
  });

  it.each<[string, () => Record<string, string>, Partial<Finding>, RegExp, RegExp]>([
    [
      'a file for what is no secret',
      () => ({ VESTIBULE_DIR_FILE: '/dir' }),
      { check: 'variables', status: 'warning' },
      /^VESTIBULE_DIR_FILE /,
      /^set VESTIBULE_DIR:/,
    ],
    [
      'one port for both',
      () => ({ PORT: nowhere.port, OPS_PORT: nowhere.port }),
      { check: 'settings', status: 'error' },
      /PORT and OPS_PORT/,
      /another port/,
    ],
    [
      'one secret for two purposes',
      () => ({ VESTIBULE_ADMIN_KEY: stack.jwtSecret }),
      { check: 'settings', status: 'warning' },
      /an admin key also signs tokens/,
      /values of their own/,
    ],
    [
      'a folder that is not there',
      () => ({ VESTIBULE_DIR: join(stack.directory, 'never') }),
      { check: 'files', status: 'warning' },
      /does not exist$/,
      /^make it/,
    ],
    [
      'another installation’s database',
      () => ({ VESTIBULE_NAMESPACE: 'elsewhere' }),
      { check: 'schema', status: 'error' },
      /belongs to the installation default/,
      /VESTIBULE_NAMESPACE/,
    ],
    [
      'a pool larger than the server',
      () => ({ VESTIBULE_DB_POOL: '200' }),
      { check: 'database', status: 'error' },
      /VESTIBULE_DB_POOL is 200/,
      /^lower VESTIBULE_DB_POOL/,
    ],
    [
      'a serving role that owns the audit table',
      () => ({ DATABASE_URL: stack.database.ownerUrl }),
      { check: 'serving-role', status: 'warning' },
      /owns the audit table/,
      /role of its own/,
    ],
    [
      'a migration role that may not migrate',
      () => ({ DATABASE_MIGRATION_URL: stack.database.servingUrl }),
      { check: 'migration-role', status: 'error' },
      /may not make tables/,
      /owner of the schema/,
    ],
    [
      'an audit file that cannot be made',
      () => ({
        VESTIBULE_AUDIT_FILE: join(stack.directory, 'never', 'audit.jsonl'),
        VESTIBULE_AUDIT_FILE_REQUIRED: 'on',
      }),
      { check: 'audit-file', status: 'error' },
      /cannot be written: ENOENT: no session is opened$/,
      /^make its folder/,
    ],
    [
      'an issuer that is away',
      () => ({ VESTIBULE_JWT_ISSUERS: JSON.stringify([{ issuer: nowhere.origin, audience: 'a' }]) }),
      { check: 'issuers', status: 'error' },
      /keys of http:\/\/127\.0\.0\.1:\d+ cannot be had/,
      /nothing listens there/,
    ],
    [
      'an issuer that is another',
      () => ({ VESTIBULE_JWT_ISSUERS: JSON.stringify([{ issuer: `${issuer.url}/`, audience: 'a' }]) }),
      { check: 'issuers', status: 'error' },
      /discovery document is not valid/,
      /^spell issuer and jwksUri/,
    ],
    [
      'a port that another program holds',
      () => ({ PORT: String(stack.simulator.port) }),
      { check: 'ports', status: 'error' },
      /held by another program/,
      /set PORT to another port/,
    ],
    [
      'an address that is not ours',
      () => ({ HOST: '192.0.2.1', VESTIBULE_HOSTS: 'localhost', OPS_PORT: '0' }),
      { check: 'ports', status: 'error' },
      /EADDRNOTAVAIL/,
      /address of this machine/,
    ],
  ])('finds %s, and that only', async (_what, changed, expected, message, fix) => {
    const { wrong } = await examine(changed());
    expect(wrong).toEqual([
      { ...expected, message: expect.stringMatching(message), fix: expect.stringMatching(fix) },
    ]);
  });

  it('tells every setting that is not valid, and skips what needs them', async () => {
    const { wrong, findings } = await examine({
      PORT: 'eighty',
      VESTIBULE_ADMIN_KEY: stack.key.slice(0, 20),
    });
    expect(wrong).toMatchObject([
      { check: 'settings', status: 'error', message: expect.stringMatching(/^PORT must/) },
      { check: 'settings', status: 'error', message: expect.stringMatching(/^VESTIBULE_ADMIN_KEY must/) },
    ]);
    expect(findings).toContainEqual({
      check: 'database',
      status: 'skipped',
      message: 'the settings are not valid',
    });
    expect(JSON.stringify(findings)).not.toContain(stack.key.slice(0, 20));
  });

  it('still looks at the rest when only serving misses a setting', async () => {
    const { wrong, findings } = await examine({
      NODE_ENV: 'production',
      VESTIBULE_ADDRESS_LIMIT: '1200/60',
      VESTIBULE_PROVIDER_URLS: stack.simulator.url,
      VESTIBULE_JWT_SECRET: '',
      VESTIBULE_ADMIN_KEY_FILE: 'also-set',
    });
    expect(wrong.map(({ message }) => message)).toEqual([
      'VESTIBULE_ADMIN_KEY and VESTIBULE_ADMIN_KEY_FILE are both set: keep one',
      'VESTIBULE_JWT_SECRET is required in production',
    ]);
    expect(findings.find(({ check }) => check === 'database')?.status).toBe('skipped');
    const { wrong: missing, findings: others } = await examine({
      NODE_ENV: 'production',
      VESTIBULE_ADDRESS_LIMIT: '1200/60',
      VESTIBULE_PROVIDER_URLS: stack.simulator.url,
      VESTIBULE_JWT_SECRET: '',
    });
    expect(missing.map(({ message }) => message)).toEqual([
      'VESTIBULE_JWT_SECRET is required in production',
      'the connection to the database is not encrypted',
      expect.stringMatching(/^heads of the audit are not signed/),
    ]);
    expect(others.find(({ check }) => check === 'audit')?.status).toBe('ok');
  });

  it('is stricter in production', async () => {
    const { wrong } = await examine({
      NODE_ENV: 'production',
      DATABASE_URL: stack.database.ownerUrl,
      LOG_LEVEL: 'silent',
      VESTIBULE_TRUST_PROXY: '0.0.0.0/0',
      VESTIBULE_PROVIDER_URLS: `${stack.simulator.url},http://gateway.example/v1`,
    });
    expect(wrong.map(({ check, status, message }) => `${check} ${status}: ${message}`)).toEqual([
      expect.stringMatching(/^settings warning: VESTIBULE_ADDRESS_LIMIT is off/),
      expect.stringMatching(/^settings warning: VESTIBULE_TRUST_PROXY trusts everybody/),
      expect.stringMatching(/^settings warning: LOG_LEVEL is silent/),
      expect.stringMatching(
        /^settings warning: VESTIBULE_PROVIDER_URLS allows http:\/\/gateway\.example\/v1/,
      ),
      expect.stringMatching(/^database warning: the connection to the database is not encrypted/),
      expect.stringMatching(/^serving-role error: .*`serve` refuses it/),
      expect.stringMatching(/^audit warning: heads of the audit are not signed/),
    ]);
  });

  describe('the database', () => {
    it.each<[string, () => string, RegExp, RegExp]>([
      ['that is away', () => changedUrl({ port: nowhere.port }), /ECONNREFUSED/, /^start PostgreSQL/],
      [
        'with another password',
        () => changedUrl({ password: newKey() }),
        /password authentication/,
        /password/,
      ],
      ['of another name', () => changedUrl({ pathname: '/nobodys' }), /does not exist/, /^make the database/],
    ])('tells one %s once', async (_what, url, message, fix) => {
      const { wrong, findings } = await examine({ DATABASE_URL: url() });
      expect(wrong).toEqual([
        {
          check: 'database',
          status: 'error',
          message: expect.stringMatching(message),
          fix: expect.stringMatching(fix),
        },
      ]);
      const skipped = findings.filter(({ status }) => status === 'skipped').map(({ check }) => check);
      expect(skipped).toEqual(['schema', 'serving-role', 'clock', 'audit']);
    });
    const changedUrl = (parts: Partial<URL>): string =>
      Object.assign(new URL(stack.database.servingUrl), parts).href;

    it('tells what did not migrate', async () => {
      const name = `empty_${randomBytes(6).toString('hex')}`;
      await stack.database.query(`CREATE DATABASE ${name} OWNER ${OWNER} TEMPLATE template0`);
      try {
        const urls = {
          DATABASE_URL: changedUrl({ pathname: `/${name}` }),
          DATABASE_MIGRATION_URL: Object.assign(new URL(stack.database.ownerUrl), { pathname: `/${name}` })
            .href,
        };
        expect((await examine(urls)).wrong).toEqual([
          {
            check: 'schema',
            status: 'warning',
            message: expect.stringMatching(/^not up to date: Initial\d+/),
            fix: expect.stringMatching(/vestibule migrate/),
          },
        ]);
        expect(await runProgram(['migrate'], { ...healthy, ...urls })).toMatchObject({ code: 0 });
        expect((await examine(urls)).wrong).toEqual([]);
      } finally {
        await stack.database.query(`DROP DATABASE ${name} WITH (FORCE)`);
      }
    });

    it.each<[string, string, string, string, RegExp]>([
      [
        'may change audit rows',
        `GRANT UPDATE ON audit_events TO ${SERVING}`,
        `REVOKE UPDATE ON audit_events FROM ${SERVING}`,
        'warning',
        /may update, delete or truncate audit rows/,
      ],
      [
        'may not do what it must',
        `REVOKE INSERT ON sessions FROM ${SERVING}`,
        `GRANT INSERT ON sessions TO ${SERVING}`,
        'error',
        /lacks INSERT on sessions$/,
      ],
      [
        'may take back checkpoints',
        `GRANT DELETE ON audit_checkpoints TO ${SERVING}`,
        `REVOKE DELETE ON audit_checkpoints FROM ${SERVING}`,
        'warning',
        /may update, delete or truncate audit rows/,
      ],
      [
        'is no longer held back by the trigger',
        'ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only',
        'ALTER TABLE audit_events ENABLE TRIGGER audit_events_append_only',
        'error',
        /triggers .* are gone or off: audit_events_append_only$/,
      ],
    ])('tells that the serving role %s', async (_what, breaking, mending, status, message) => {
      await stack.database.query(breaking);
      try {
        expect((await examine()).wrong).toEqual([
          {
            check: 'serving-role',
            status,
            message: expect.stringMatching(message),
            fix: expect.any(String),
          },
        ]);
      } finally {
        await stack.database.query(mending);
      }
    });

    it('says how far the audit was verified when there is no time for the rest', async () => {
      const source = createDataSource({
        url: stack.database.servingUrl,
        poolSize: 1,
        applicationName: 'test',
        onPoolError: () => undefined,
      });
      const database = new Database(source, false);
      await database.connect();
      try {
        const verified = await verifyChains(new AuditQueries(database), { stop: AbortSignal.abort() });
        expect(verified).toMatchObject({ rows: 0, tampered: undefined, complete: false });
      } finally {
        await database.close();
      }
      expect(judgeAudit({ chains: 2, rows: 70, tampered: undefined, complete: false }, 900)).toMatchObject({
        status: 'warning',
        message: expect.stringMatching(/^70 rows of about 900 are intact/),
        fix: expect.stringMatching(/audit verify/),
      });
    });

    it('names the audit row that was changed', async () => {
      const change = async (outcome: string): Promise<void> => {
        await stack.database.query(`BEGIN; ALTER TABLE audit_events DISABLE TRIGGER audit_events_append_only;
          UPDATE audit_events SET outcome = '${outcome}' WHERE event = 'session_created';
          ALTER TABLE audit_events ENABLE TRIGGER audit_events_append_only; COMMIT`);
      };
      await change('failure');
      try {
        expect((await examine()).wrong).toEqual([
          {
            check: 'audit',
            status: 'error',
            message: expect.stringMatching(/^tampered: chain \S+ seq \d+: the row does not have its hash$/),
            fix: expect.any(String),
          },
        ]);
      } finally {
        await change('success');
      }
    });
  });

  describe('the vault', () => {
    it.each<[string, () => Record<string, unknown>[], string, RegExp, RegExp]>([
      [
        'a manifest that is not valid, by file and field',
        () => [aProject(stack.simulator.url, 'proj_bad', { session: { leaseSeconds: 1 } })],
        'error',
        /^more\.json \/spec\/session\/leaseSeconds /,
        /^mend more\.json/,
      ],
      [
        'a base URL that is not listed',
        () => [aProject('https://elsewhere.example/v1', 'proj_far')],
        'error',
        /\/spec\/provider\/baseUrl is not among VESTIBULE_PROVIDER_URLS/,
        /VESTIBULE_PROVIDER_URLS/,
      ],
      [
        'an id that two claim',
        () => [
          { ...aProject(stack.simulator.url, PROJECT), metadata: { name: 'younger' } },
          aSecret('younger', newKey()),
        ],
        'error',
        /\/spec\/projectId is already that of the older/,
        /^mend more\.json#1/,
      ],
      [
        'a key that cannot be one',
        () => [
          aProject(stack.simulator.url, 'proj_odd'),
          { ...aSecret('proj_odd', 'x'), data: { apiKey: 'not base64!' }, stringData: { spare: newKey() } },
        ],
        'error',
        /\/data\/apiKey must be base64/,
        /^mend more\.json#2/,
      ],
      [
        'a project without key',
        () => [aProject(stack.simulator.url, 'proj_bare')],
        'warning',
        /^project proj_bare has no key in proj-bare-key\/apiKey/,
        /^POST \/projects\/key/,
      ],
      [
        'a key without project',
        () => [aSecret('proj_gone', newKey())],
        'warning',
        /no project uses the Secret proj-gone-key/,
        /^remove it/,
      ],
      [
        'a client without project',
        () => [aClient('lonely', 'proj_gone')],
        'warning',
        /no Project proj-gone serves/,
        /^add the Project proj-gone/,
      ],
      [
        'a client whose issuer is not trusted',
        () => [aClient('foreign', PROJECT, { issuer: 'https://other.example' })],
        'warning',
        /not among VESTIBULE_JWT_ISSUERS/,
        /^add the issuer/,
      ],
    ])('tells %s', async (_what, manifests, status, message, fix) => {
      const { wrong } = await examine({ VESTIBULE_DIR: aDirectory(...manifests()) });
      const [first, ...others] = wrong;
      expect(first).toEqual({
        check: 'manifests',
        status,
        message: expect.stringMatching(message),
        fix: expect.stringMatching(fix),
      });
      // a key that is not valid leaves its project without one
      expect(others.filter((finding) => !finding.message.includes('proj_odd has no key'))).toEqual([]);
    });

    it('tells a file that others can read, and a folder that they can write to', async () => {
      const directory = aDirectory();
      chmodSync(join(directory, 'test.json'), 0o644);
      expect((await examine({ VESTIBULE_DIR: directory })).wrong).toEqual([
        {
          check: 'files',
          status: 'error',
          message: expect.stringMatching(/test\.json is open to others \(mode 0644\)/),
          fix: `chmod 600 ${join(directory, 'test.json')}`,
        },
      ]);
      chmodSync(directory, 0o777);
      expect((await examine({ VESTIBULE_DIR: directory })).wrong).toMatchObject([
        { check: 'files', status: 'error', fix: `chmod go-w ${directory}` },
      ]);
    });

    it('does not repeat a manifest that cannot be parsed', async () => {
      const directory = aDirectory();
      writeFileSync(join(directory, 'broken.yaml'), `kind: Secret\nstringData: {apiKey: "${newKey()}\n`, {
        mode: 0o600,
      });
      expect((await examine({ VESTIBULE_DIR: directory })).wrong).toMatchObject([
        { check: 'manifests', message: expect.stringMatching(/^broken\.yaml \/ is not valid YAML/) },
      ]);
    });

    it('tells no more than twenty findings of one sort, and how many there are', async () => {
      const projects = Array.from({ length: 30 }, (_, index) =>
        aProject(stack.simulator.url, `proj_${index}`),
      );
      const { wrong } = await examine({ VESTIBULE_DIR: aDirectory(...projects) });
      expect(wrong).toHaveLength(21);
      expect(wrong.at(-1)?.message).toBe('and 10 more like it');
    });
  });

  describe('providers', () => {
    const withProject = (baseUrl: string): Record<string, string> => ({
      VESTIBULE_DIR: aDirectory(aProject(baseUrl, 'proj_other'), aSecret('proj_other', newKey())),
    });

    it('tells one that is not reached, and still looks at the others', async () => {
      const { wrong, findings } = await examine(withProject(`${nowhere.origin}/v1`));
      expect(wrong).toEqual([
        {
          check: 'providers',
          status: 'error',
          message: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/v1 is not reached: /),
          fix: expect.stringMatching(/nothing listens there/),
        },
      ]);
      expect(findings.filter(({ check }) => check === 'providers')).toHaveLength(2);
    });

    it('tells a path that is not the API’s', async () => {
      const { wrong } = await examine(withProject(stack.simulator.url.replace(/\/v1$/, '/v2')));
      expect(wrong).toMatchObject([
        { check: 'providers', status: 'warning', fix: expect.stringMatching(/base URL/) },
      ]);
    });

    it('tells one that fails', async () => {
      stack.simulator.fault({ kind: 'status', status: 503, times: 1 });
      expect((await examine()).wrong).toMatchObject([
        { check: 'providers', status: 'warning', message: expect.stringMatching(/answered 503/) },
      ]);
    });

    it('gives one up that is silent', async () => {
      stack.simulator.fault({ kind: 'never', times: 1 });
      expect((await examine()).wrong).toMatchObject([
        { check: 'providers', status: 'error', message: expect.stringMatching(/no answer within 4 s/) },
      ]);
    });
  });

  it('reads the embedded database that runs, and starts none', async () => {
    const directory = aDirectory();
    const alone = {
      DATABASE_URL: '',
      DATABASE_MIGRATION_URL: '',
      VESTIBULE_DIR: directory,
      PORT: '0',
      OPS_PORT: '0',
    };
    const before = await examine(alone);
    expect(before.findings.find(({ check }) => check === 'database')).toMatchObject({ status: 'skipped' });
    expect(readdirSync(directory)).toEqual(['test.json']);
    const service = await stack.addService(alone);
    try {
      const { wrong, findings } = await examine(alone);
      expect(wrong).toEqual([]);
      expect(findings.find(({ check }) => check === 'schema')).toMatchObject({ status: 'ok' });
    } finally {
      await service.stop();
    }
    expect(readFileSync(join(directory, 'test.json'), 'utf8')).toContain(PROJECT);
  });
});

/** An OIDC issuer, as far as its keys go. */
async function startIssuer(): Promise<{ url: string; server: Server }> {
  const server = createServer((request, response) => {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const answers: Record<string, unknown> = {
      '/.well-known/openid-configuration': { issuer: url, jwks_uri: `${url}/keys` },
      '/keys': { keys: [{ kty: 'OKP', crv: 'Ed25519', x: randomBytes(32).toString('base64url') }] },
    };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answers[request.url ?? ''] ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}
