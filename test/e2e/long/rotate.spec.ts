import { randomBytes } from 'node:crypto';
import { fingerprintOf } from '../../simulator/simulator.ts';
import { aClient, aKey } from '../../support/manifests.ts';
import { aSigningKey } from '../../support/signing-key.ts';
import { until } from '../../support/until.ts';
import { CORE_API, pathOf, VESTIBULE_API } from '../../../src/kubernetes/resource-paths.ts';
import type { CallerLoad } from '../support/caller.ts';
import { IMAGES } from '../support/images.ts';
import { FULL_NAME, Installation, PROJECT, RELEASE } from '../support/installation.ts';
import { forward, kubectl } from '../support/kubectl.ts';
import { PageCommands } from '../support/page-commands.ts';
import { SealingKeys } from '../support/sealing-keys.ts';

const SESSIONS_PER_SECOND = 10;
const TIMEOUT_MS = 300_000;
const CLIENT = 'rotated_client';
const CONTROLLER = 'deployment/sealed-secrets-controller';

let installation: Installation;
let sealingKeys: SealingKeys;
let environment: Record<string, string>;
let rotate: PageCommands;
let load: CallerLoad;

const inNamespace = (...args: string[]): Promise<string> => kubectl('-n', installation.namespace, ...args);
const vestibule = (...args: string[]): Promise<string> =>
  inNamespace('exec', `deployment/${FULL_NAME}`, '--', 'vestibule', ...args);

async function content(secret: string, entry: string): Promise<string> {
  const { data } = JSON.parse(await inNamespace('get', 'secret', secret, '-o', 'json')) as {
    data: Record<string, string>;
  };
  return Buffer.from(data[entry] ?? '', 'base64').toString('utf8');
}

const adminKeys = async (): Promise<string[]> =>
  (await content('vestibule-admin', 'VESTIBULE_ADMIN_KEY')).split(',');
const jwtSecrets = async (): Promise<string[]> =>
  (await content('vestibule-jwt', 'VESTIBULE_JWT_SECRET')).split(',');

const statusAsAdmin = async (key: string): Promise<number> => {
  const request = { path: '/projects', headers: { 'x-admin-api-key': key } };
  return (await installation.caller.askInside(`http://${FULL_NAME}`, request)).status;
};

async function statusAsClient(token: string): Promise<number> {
  const { status } = await installation.caller.ask({
    method: 'POST',
    path: '/session',
    headers: { authorization: `Bearer ${token}` },
  });
  return status;
}

const newToken = async (): Promise<string> => (await vestibule('token', CLIENT)).trim();

const psql = (query: string): Promise<string> =>
  inNamespace(
    ...['exec', 'postgres-0', '--'],
    ...['psql', '-At', '-U', 'vestibule_owner', '-d', 'vestibule', '-c', query],
  );

/** Whether the database takes a password of the owner. */
const opensDatabase = (password: string): Promise<boolean> =>
  inNamespace(
    ...['exec', 'postgres-0', '--', 'env', `PGPASSWORD=${password}`],
    ...['psql', '-h', '127.0.0.1', '-U', 'vestibule_owner', '-d', 'vestibule', '-c', 'SELECT 1'],
  ).then(
    () => true,
    () => false,
  );

/** The Secrets by the names that the page has for them, and the values that name them. */
async function makeSecrets(): Promise<Record<string, unknown>> {
  const demo = (entry: string): Promise<string> => content('demo', entry);
  const contents = {
    'vestibule-database': { DATABASE_URL: await demo('database-url') },
    'vestibule-database-owner': { DATABASE_MIGRATION_URL: await demo('migration-url') },
    'vestibule-admin': { VESTIBULE_ADMIN_KEY: await demo('admin-key') },
    'vestibule-jwt': { VESTIBULE_JWT_SECRET: await demo('jwt-secret') },
    'vestibule-audit': { VESTIBULE_AUDIT_SIGNING_KEY: aSigningKey().privateKey },
  };
  for (const [name, stringData] of Object.entries(contents)) {
    await installation.kube.create(pathOf(CORE_API, installation.namespace, 'secrets'), {
      metadata: { name },
      stringData,
    });
  }
  return {
    database: {
      secret: { name: 'vestibule-database' },
      migrationSecret: { name: 'vestibule-database-owner' },
    },
    admin: { secret: { name: 'vestibule-admin' } },
    jwt: { secret: { name: 'vestibule-jwt' } },
    audit: { signingKeySecret: { name: 'vestibule-audit' } },
  };
}

beforeAll(async () => {
  installation = await Installation.prepare('rotate');
  const { kube, namespace } = installation;
  sealingKeys = await SealingKeys.keep(kube);
  environment = { NAMESPACE: namespace, RELEASE, DEPLOYMENT: FULL_NAME, POSTGRES_IMAGE: IMAGES.postgres };
  rotate = new PageCommands('docs/operations.md', 'Rotate', environment);
  await installation.helm('install', await makeSecrets());
  await installation.depositKey();
  const spec = {
    session: { maxConcurrent: 500 },
    limits: { requests: 1_000_000, windowSeconds: 900 },
    access: { perAddress: { requests: 1_000_000, windowSeconds: 900 } },
  };
  const [project] = (await inNamespace('get', 'projects.vestibule.dev', '-o', 'name')).trim().split('\n');
  await inNamespace('patch', project!, '--type=merge', '-p', JSON.stringify({ spec }));
  await kube.create(pathOf(VESTIBULE_API, namespace, 'clients'), aClient(CLIENT, PROJECT));
  const token = await newToken();
  await until('the client opens sessions', async () => (await statusAsClient(token)) === 200);
  load = await installation.caller.load(PROJECT, SESSIONS_PER_SECOND);
}, TIMEOUT_MS);
afterAll(async () => {
  try {
    await (load as CallerLoad | undefined)?.stop();
    await kubectl('-n', 'kube-system', 'set', 'env', CONTROLLER, 'SEALED_SECRETS_KEY_CUTOFF_TIME-');
    await (sealingKeys as SealingKeys | undefined)?.putBack();
  } finally {
    await (installation as Installation | undefined)?.close();
  }
}, TIMEOUT_MS);

it(
  'takes both admin keys until the first is alone',
  async () => {
    const [old = ''] = await adminKeys();
    await rotate.run(1);
    const [first = '', second] = await adminKeys();
    expect(second).toBe(old);
    expect([await statusAsAdmin(first), await statusAsAdmin(old)]).toEqual([200, 200]);
    await rotate.run(2);
    expect(await adminKeys()).toEqual([first]);
    expect([await statusAsAdmin(first), await statusAsAdmin(old)]).toEqual([200, 401]);
  },
  TIMEOUT_MS,
);

it(
  'takes tokens of both JWT secrets until the new one is alone',
  async () => {
    const [old] = await jwtSecrets();
    const tokens = [await newToken()];
    await rotate.run(3);
    const [signs, verifies] = await jwtSecrets();
    expect(signs).toBe(old);
    tokens.push(await newToken());
    await rotate.run(4);
    expect(await jwtSecrets()).toEqual([verifies, old]);
    tokens.push(await newToken());
    for (const token of tokens) expect(await statusAsClient(token)).toBe(200);
    await rotate.run(5);
    expect(await jwtSecrets()).toEqual([verifies]);
    expect(await Promise.all(tokens.map(statusAsClient))).toEqual([401, 401, 200]);
  },
  TIMEOUT_MS,
);

it(
  'is served by another role of the database, and needs the one before no more',
  async () => {
    const password = randomBytes(32).toString('hex');
    await psql(`CREATE ROLE vestibule_serving_2 LOGIN PASSWORD '${password}'`);
    const url = `postgres://vestibule_serving_2:${password}@postgres:5432/vestibule`;
    const serving = new PageCommands('docs/operations.md', 'Rotate', { ...environment, DATABASE_URL: url });
    await serving.run(6);
    const left = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'vestibule_serving'";
    await until('its connections have ended', async () => (await psql(left)).trim() === '0');
    await psql('DROP OWNED BY vestibule_serving');
    await psql('DROP ROLE vestibule_serving');
    await vestibule('doctor');
  },
  TIMEOUT_MS,
);

it(
  'has another password of the owner in the database, and in the Secret',
  async () => {
    const passwordOf = async (): Promise<string> =>
      new URL(await content('vestibule-database-owner', 'DATABASE_MIGRATION_URL')).password;
    const old = await passwordOf();
    await rotate.run(7);
    const password = await passwordOf();
    expect([await opensDatabase(password), await opensDatabase(old)]).toEqual([true, false]);
    expect(await inNamespace('logs', 'postgres-0')).not.toContain(password);
    expect(await inNamespace('get', 'pod', 'database-client', '--ignore-not-found')).toBe('');
  },
  TIMEOUT_MS,
);

it(
  'signs heads of the audit with another key, and verifies those of all before',
  async () => {
    const heads = [await vestibule('audit', 'head')];
    for (const _ of ['second key', 'third key']) {
      const printed = await rotate.run(8);
      heads.push(await vestibule('audit', 'head'));
      expect(printed.match(/BEGIN PUBLIC KEY/g)).toHaveLength(heads.length);
    }
    const keys = heads.map((head) => (JSON.parse(head) as { key: string }).key);
    expect(new Set(keys).size).toBe(heads.length);
    expect(await vestibule('audit', 'verify', '--head', heads.map((head) => head.trim()).join('\n'))).toMatch(
      /^intact: .*anchored by 3 signed heads/,
    );
  },
  TIMEOUT_MS,
);

it(
  'seals with a new key what is deposited from then on',
  async () => {
    const before = await sealingKeys.names();
    await rotate.run(9);
    const after = await sealingKeys.names();
    expect(after).toHaveLength(before.length + 1);
    const [adminKey = ''] = await adminKeys();
    const key = aKey();
    await using port = await forward(installation.namespace, `service/${FULL_NAME}`, 80);
    const variables = { VESTIBULE_URL: port.url, ADMIN_KEY: adminKey, PROJECT, OPENAI_API_KEY: key };
    const provider = new PageCommands('docs/operations.md', 'Rotate', { ...environment, ...variables });
    expect(await provider.run(10)).toContain(fingerprintOf(key));
    for (const name of before) await kubectl('-n', 'kube-system', 'delete', 'secret', name);
    await kubectl('-n', 'kube-system', 'rollout', 'restart', CONTROLLER);
    await kubectl('-n', 'kube-system', 'rollout', 'status', CONTROLLER, '--timeout=120s');
  },
  TIMEOUT_MS,
);

it('failed no session meanwhile', async () => {
  await load.stop();
  process.stdout.write(`${load.opened} sessions while all was rotated\n`);
  expect(load.failures).toEqual([]);
  expect(load.opened).toBeGreaterThan(0);
});

it('can be unsealed by the new key alone', async () => {
  const [sealed] = (await kubectl('-n', installation.keyNamespace, 'get', 'secrets', '-o', 'name')).split(
    '\n',
  );
  await kubectl('-n', installation.keyNamespace, 'delete', sealed!);
  await until('the new key alone unseals it', async () => {
    const secrets = await kubectl('-n', installation.keyNamespace, 'get', 'secrets', '-o', 'name');
    return secrets.includes(sealed!);
  });
}, 60_000);
