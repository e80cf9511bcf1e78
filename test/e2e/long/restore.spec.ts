import { createHash, randomBytes } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fingerprintOf, type Seen } from '../../simulator/simulator.ts';
import { aClient, aKey, aProject } from '../../support/manifests.ts';
import { aSigningKey } from '../../support/signing-key.ts';
import { until } from '../../support/until.ts';
import {
  CORE_API,
  pathOf,
  SEALED_SECRETS_API,
  VESTIBULE_API,
} from '../../../src/kubernetes/resource-paths.ts';
import { IMAGES } from '../support/images.ts';
import { FULL_NAME, Installation, RELEASE } from '../support/installation.ts';
import { kubectl } from '../support/kubectl.ts';
import { kubeseal } from '../support/kubeseal.ts';
import { PageCommands } from '../support/page-commands.ts';
import { SealingKeys } from '../support/sealing-keys.ts';

const TIMEOUT_MS = 600_000;
const PROVIDER = 'http://simulator/v1';
const CAP = 3;
/** Live when the dump is made. */
const LIVE = CAP - 1;
const LEASE_SECONDS = 3_600;
const CLIENT = 'drill_client';
/** A URL has to spell it differently. */
const OWNER_PASSWORD = `${randomBytes(16).toString('hex')} %41\\@:/?#`;

/** How each key comes into the vault: deposited for a project that is made by it, for one that is there, and by kubeseal. */
const KEYS: Record<'proj_deposited' | 'proj_capped' | 'proj_sealed', string> = {
  proj_deposited: aKey(),
  proj_capped: aKey(),
  proj_sealed: aKey(),
};
/** Of another vault, whose keys have no namespace of their own. */
const NEIGHBOUR_KEY = aKey();
const FINGERPRINTS = Object.fromEntries(Object.entries(KEYS).map(([id, key]) => [id, fingerprintOf(key)]));

interface Opened {
  session_id: string;
  lease_token: string;
}
interface Rows {
  events: number;
  sessions: number;
  taken: number;
}

let installation: Installation;
let sealingKeys: SealingKeys;
let backups: string;
/** The backup that is restored. */
let folder: string;
let environment: Record<string, string>;
let backUp: PageCommands;
/** What was there before. */
const live: Opened[] = [];
let token: string;
let newestHead: string;
let rowsOfDump: Rows;
let secretsBefore: string;

const inNamespace = (...args: string[]): Promise<string> => kubectl('-n', installation.namespace, ...args);
const vestibule = (...args: string[]): Promise<string> =>
  inNamespace('exec', `deployment/${FULL_NAME}`, '--', 'vestibule', ...args);

const psql = (query: string): Promise<string> =>
  inNamespace(
    ...['exec', 'postgres-0', '--'],
    ...['psql', '-At', '-U', 'vestibule_owner', '-d', 'vestibule', '-c', query],
  );
const sql = async <T>(query: string): Promise<T> => JSON.parse(await psql(query)) as T;

const setOwnerPassword = (password: string): Promise<string> =>
  psql(`ALTER ROLE vestibule_owner PASSWORD '${password}'`);

const rows = (): Promise<Rows> =>
  sql(`SELECT json_build_object(
    'events', (SELECT count(*) FROM audit_events),
    'sessions', (SELECT count(*) FROM sessions),
    'taken', (SELECT coalesce(sum(taken), 0) FROM project_slots))`);

/** Counts that were wrong, by the sessions that hold slots. */
const wrongCounts = (): Promise<number> => sql('SELECT cardinality(recount_slots())');

const open = (projectId: string) =>
  installation.caller.ask({ method: 'POST', path: '/session', body: { project_id: projectId } });

async function opened(projectId: string): Promise<Opened> {
  const { status, text } = await open(projectId);
  if (status !== 200) throw new Error(`${projectId}: ${status}: ${text}`);
  return JSON.parse(text) as Opened;
}

const openAsClient = () =>
  installation.caller.ask({
    method: 'POST',
    path: '/session',
    headers: { authorization: `Bearer ${token}` },
  });

const asHolder = (method: string, path: string, { lease_token }: Opened) =>
  installation.caller.ask({ method, path, headers: { authorization: `Bearer ${lease_token}` } });

const release = async (session: Opened): Promise<void> => {
  expect((await asHolder('DELETE', `/session/${session.session_id}`, session)).status).toBe(204);
};

async function fingerprints(): Promise<Record<string, string | null>> {
  const { text } = await installation.askAdmin({ path: '/projects' });
  const { projects } = JSON.parse(text) as {
    projects: { project_id: string; key_fingerprint: string | null }[];
  };
  return Object.fromEntries(projects.map((project) => [project.project_id, project.key_fingerprint]));
}

/** The Secrets of the installation, but Helm's own, and the keys of others. */
const secrets = (): Promise<string> =>
  inNamespace(
    ...['get', 'secrets', '-o', 'name'],
    ...['-l', 'vestibule.dev/vault!=true', '--field-selector', 'type!=helm.sh/release.v1'],
  );

/** Oldest first. */
const foldersOfBackups = async (): Promise<string[]> =>
  (await readdir(backups)).toSorted().map((name) => join(backups, name));

/** The files of a backup by their paths in it. */
async function filesOf(backup: string): Promise<Record<string, Buffer>> {
  const entries = await readdir(backup, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(backup, join(entry.parentPath, entry.name)));
  return Object.fromEntries(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(backup, path))] as const)),
  );
}

const digests = async (backup: string): Promise<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(await filesOf(backup)).map(([path, content]) => [
      path,
      createHash('sha256').update(content).digest('hex'),
    ]),
  );

/** Says how long it took. */
async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const begun = performance.now();
  const result = await work();
  process.stdout.write(`${what}: ${((performance.now() - begun) / 1_000).toFixed(1)} s\n`);
  return result;
}

/** The Secrets by the names that the page has for them. */
async function makeSecrets(): Promise<void> {
  const { data } = JSON.parse(await inNamespace('get', 'secret', 'demo', '-o', 'json')) as {
    data: Record<string, string>;
  };
  const contents = {
    'vestibule-database': { DATABASE_URL: data['database-url'] },
    'vestibule-database-owner': {
      DATABASE_MIGRATION_URL: Buffer.from(
        `postgres://vestibule_owner:${encodeURIComponent(OWNER_PASSWORD)}@postgres:5432/vestibule`,
        'utf8',
      ).toString('base64'),
    },
    'vestibule-audit': {
      VESTIBULE_AUDIT_SIGNING_KEY: Buffer.from(aSigningKey().privateKey, 'utf8').toString('base64'),
    },
  };
  for (const [name, entries] of Object.entries(contents)) {
    await installation.kube.create(pathOf(CORE_API, installation.namespace, 'secrets'), {
      metadata: { name },
      data: entries,
    });
  }
  // As those have that a controller made: without its owner, Kubernetes deletes such a Secret.
  const { metadata } = await installation.kube.create(
    pathOf(CORE_API, installation.namespace, 'configmaps'),
    { metadata: { name: 'owner' } },
  );
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata.uid };
  await installation.kube.patch(pathOf(CORE_API, installation.namespace, 'secrets', 'vestibule-audit'), {
    metadata: { ownerReferences: [owner] },
  });
}

async function install(): Promise<void> {
  await setOwnerPassword(OWNER_PASSWORD);
  await makeSecrets();
  await installation.helm('install', {
    database: {
      secret: { name: 'vestibule-database' },
      migrationSecret: { name: 'vestibule-database-owner' },
    },
    audit: { signingKeySecret: { name: 'vestibule-audit' } },
  });
}

async function fill(): Promise<void> {
  const { kube, namespace, keyNamespace } = installation;
  const session = { maxConcurrent: CAP, leaseSeconds: LEASE_SECONDS };
  for (const project of [aProject(PROVIDER, 'proj_capped', { session }), aProject(PROVIDER, 'proj_sealed')]) {
    await kube.create(pathOf(VESTIBULE_API, namespace, 'projects'), project);
  }
  const labels = { 'vestibule.dev/vault': 'true' };
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'proj-sealed-key', namespace: keyNamespace, labels },
    stringData: { apiKey: KEYS.proj_sealed },
  };
  await kube.create(pathOf(CORE_API, namespace, 'secrets'), {
    metadata: { name: 'proj-neighbour-key', labels },
    stringData: { apiKey: NEIGHBOUR_KEY },
  });
  const sealed = JSON.parse(await kubeseal(['--format', 'json'], JSON.stringify(secret))) as object;
  await kube.create(pathOf(SEALED_SECRETS_API, keyNamespace, 'sealedsecrets'), { ...sealed });
  await until('the project is known', async () => 'proj_capped' in (await fingerprints()));
  await installation.depositKey('proj_deposited', KEYS.proj_deposited);
  await installation.depositKey('proj_capped', KEYS.proj_capped);
  const client = aClient(CLIENT, 'proj_capped');
  await kube.create(pathOf(VESTIBULE_API, namespace, 'clients'), client);
  token = (await vestibule('token', CLIENT)).trim();
  await until('the client opens sessions', async () => {
    const { status, text } = await openAsClient();
    if (status === 200) await release(JSON.parse(text) as Opened);
    return status === 200;
  });
  await until('every key is there', async () => {
    const found = await fingerprints();
    return Object.keys(KEYS).every((id) => found[id] !== null);
  });
}

/** Some sessions that end, and some that are left live. */
async function converse(): Promise<void> {
  for (const id of Object.keys(KEYS)) await release(await opened(id));
  while (live.length < LIVE) live.push(await opened('proj_capped'));
}

/** The arguments of all processes beside pg_dump, which waits for a table until they are read; then the backup goes on. */
async function argumentsDuringBackup(): Promise<string> {
  await psql('CREATE TABLE held ()');
  const held = `FROM pg_locks WHERE relation = 'held'::regclass AND mode = 'AccessExclusiveLock' AND granted`;
  const holder = psql('BEGIN; LOCK TABLE held; SELECT pg_sleep(300)').catch(() => undefined);
  await until('the table is locked', () => sql<boolean>(`SELECT to_json(count(*) = 1) ${held}`));
  const backup = backUp.run(1, 2, 3, 4);
  const list = ['sh', '-c', String.raw`cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' '`];
  try {
    return await until(
      'pg_dump runs',
      async () => {
        const found = await inNamespace('exec', 'database-client', '--', ...list).catch(() => '');
        return /pg_dump -Fc \S*postgres:/.test(found) && found;
      },
      120_000,
    );
  } finally {
    await psql(`SELECT pg_terminate_backend(pid) ${held}`);
    await Promise.all([holder, backup]);
    await psql('DROP TABLE held');
  }
}

const restoreFrom = (backup: string): PageCommands =>
  new PageCommands('docs/operations.md', 'Restore', { ...environment, BACKUP: backup });

/** As if the cluster had been lost: nothing is left of the release, of its keys, and of what unseals them. */
async function disaster(): Promise<void> {
  const { namespace, keyNamespace } = installation;
  await installation.runHelm('uninstall', RELEASE, '--wait', '--timeout', '120s');
  await kubectl('delete', 'namespace', namespace, keyNamespace, '--wait', '--timeout=180s');
  await sealingKeys.lose();
}

beforeAll(async () => {
  backups = await mkdtemp(join(tmpdir(), 'vestibule-drill-'));
  installation = await timed('a namespace with a database and a provider', () =>
    Installation.prepare('restore'),
  );
  sealingKeys = await SealingKeys.keep(installation.kube);
  environment = {
    NAMESPACE: installation.namespace,
    KEYS: installation.keyNamespace,
    RELEASE,
    DEPLOYMENT: FULL_NAME,
    POSTGRES_IMAGE: IMAGES.postgres,
    BACKUPS: backups,
  };
  backUp = new PageCommands('docs/operations.md', 'Back up', environment);
  await timed('installed', install);
  await timed('projects, keys, a client', fill);
  await timed('sessions', converse);
}, TIMEOUT_MS);
afterAll(async () => {
  try {
    await (sealingKeys as SealingKeys | undefined)?.putBack();
  } finally {
    await (installation as Installation | undefined)?.close();
    await rm(backups, { recursive: true, force: true });
  }
}, TIMEOUT_MS);

it(
  'shows the password of the database to nobody who lists processes while it is backed up',
  async () => {
    const found = await timed('back up, and processes listed', argumentsDuringBackup);
    expect(found).toContain('postgres://vestibule_owner@postgres:5432/vestibule');
    for (const password of [OWNER_PASSWORD, encodeURIComponent(OWNER_PASSWORD)]) {
      expect(found).not.toContain(password);
    }
  },
  TIMEOUT_MS,
);

it(
  'says so when a backup fails, leaves no pod behind, and the backup before as it was',
  async () => {
    const [first = ''] = await foldersOfBackups();
    const before = await digests(first);
    const elsewhere = new PageCommands('docs/operations.md', 'Back up', {
      ...environment,
      NAMESPACE: installation.keyNamespace,
    });
    await expect(elsewhere.run(3)).rejects.toThrow('ended with 1: false');
    await setOwnerPassword('another');
    try {
      await expect(backUp.run(4)).rejects.toThrow('password authentication failed');
    } finally {
      await setOwnerPassword(OWNER_PASSWORD);
    }
    expect(await inNamespace('get', 'pod', 'database-client', '--ignore-not-found')).toBe('');
    expect(await digests(first)).toEqual(before);
  },
  TIMEOUT_MS,
);

it(
  'is backed up by the commands of the page, and goes on',
  async () => {
    expect(backUp.count).toBe(4);
    rowsOfDump = await rows();
    secretsBefore = await secrets();
    expect(rowsOfDump.taken).toBe(LIVE);
    // As of a shell that was closed before its end.
    const left = ['run', 'database-client', `--image=${IMAGES.postgres}`, '--restart=Never'];
    await inNamespace(...left, '--command', '--', 'true');
    await timed('back up', () => backUp.run(1, 2, 3, 4));
    folder = (await foldersOfBackups()).at(-1) ?? '';
    // What the dump does not have.
    for (let count = 0; count < 3; count += 1) await release(await opened('proj_deposited'));
    newestHead = await vestibule('audit', 'head');
    expect(await vestibule('audit', 'verify', '--head', newestHead)).toMatch(/^intact: /);
  },
  TIMEOUT_MS,
);

it('has no provider key in clear', async () => {
  const files = Object.entries(await filesOf(folder));
  expect(files.length).toBeGreaterThanOrEqual(6);
  for (const key of [...Object.values(KEYS), NEIGHBOUR_KEY]) {
    const forms = [key, Buffer.from(key, 'utf8').toString('base64')];
    const holders = files.filter(([, content]) => forms.some((form) => content.includes(form)));
    expect(holders.map(([path]) => path)).toEqual([]);
  }
});

it(
  'is worth nothing to a controller that has other sealing keys',
  async () => {
    await timed('everything lost, a controller with a new key', disaster);
    const { kube, keyNamespace } = installation;
    await kubectl('create', 'namespace', keyNamespace);
    await kubectl('create', '-f', join(folder, 'sealed/sealed-secrets.json'));
    const sealed = (): Promise<{ items: SealedStatus[] }> =>
      kube.request({ method: 'GET', path: pathOf(SEALED_SECRETS_API, keyNamespace, 'sealedsecrets') });
    await until(
      'the controller refused each',
      async () => (await sealed()).items.every(refusedForItsKey),
      60_000,
    );
    expect((await sealed()).items).toHaveLength(Object.keys(KEYS).length);
    expect(await kubectl('-n', keyNamespace, 'get', 'secrets', '-o', 'name')).toBe('');
    await kubectl('delete', 'namespace', keyNamespace, '--wait', '--timeout=120s');
  },
  TIMEOUT_MS,
);

interface SealedStatus {
  status?: { conditions?: { type: string; status: string; message?: string }[] };
}

function refusedForItsKey({ status }: SealedStatus): boolean {
  return (
    status?.conditions?.some(
      (condition) =>
        condition.type === 'Synced' &&
        condition.status === 'False' &&
        condition.message?.includes('no key could decrypt') === true,
    ) === true
  );
}

it(
  'comes back by the commands of the page',
  async () => {
    const restore = restoreFrom(folder);
    expect(restore.count).toBe(6);
    await timed('restore, step 1: sealing keys', () => restore.run(1));
    await timed('restore, step 2: Secrets', () => restore.run(2));
    await timed('an empty database', () => installation.surroundAnew());
    await setOwnerPassword(OWNER_PASSWORD);
    await timed('restore, step 3: database', () => restore.run(3));
    const { events, ...others } = await rows();
    expect(others).toEqual({ sessions: rowsOfDump.sessions, taken: LIVE });
    expect(events).toBeGreaterThanOrEqual(rowsOfDump.events);
    expect(await wrongCounts()).toBe(0);
    await timed('restore, step 4: chart', () => restore.run(4));
    await timed('restore, step 5: keys and configuration', () => restore.run(5));
    const proof = await timed('restore, step 6: proof', () => restore.run(6));
    expect(proof).toMatch(/^intact: \d+ rows in \d+ chains; anchored by 1 signed heads/m);
    expect(proof).toMatch(/Phase: +Succeeded/);
    expect(await secrets()).toBe(secretsBefore);
  },
  TIMEOUT_MS,
);

it(
  'may be restored again, which changes nothing, and where nothing is sealed',
  async () => {
    const before = await rows();
    await expect(restoreFrom(folder).run(3)).rejects.toThrow('already exists');
    expect(await rows()).toEqual(before);
    expect(await inNamespace('get', 'pod', 'database-client', '--ignore-not-found')).toBe('');
    const unsealed = join(backups, 'nothing-sealed');
    await cp(folder, unsealed, { recursive: true });
    const nothing = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [] });
    await writeFile(join(unsealed, 'sealed/sealed-secrets.json'), nothing);
    const printed = await timed('restore, steps 2, 4 and 5 again', () => restoreFrom(unsealed).run(2, 4, 5));
    for (const id of Object.keys(KEYS)) expect(printed).toContain(id.replace('_', '-'));
  },
  TIMEOUT_MS,
);

it('has every key that it had, and opens sessions with each', async () => {
  expect(await fingerprints()).toEqual(FINGERPRINTS);
  for (const id of Object.keys(KEYS)) await release(await opened(id));
  const { text } = await installation.caller.askInside('http://simulator', { path: '/__simulator/seen' });
  const { by_key: byKey } = JSON.parse(text) as Seen;
  const minted = Object.fromEntries(
    Object.entries(FINGERPRINTS).map(([id, fingerprint]) => [id, byKey[fingerprint]?.minted]),
  );
  expect(minted).toEqual({ proj_deposited: 1, proj_capped: 1, proj_sealed: 1 });
});

it('takes the token that a client had', async () => {
  const { status, text } = await openAsClient();
  expect([status, text]).toEqual([200, expect.stringContaining('"lease_token"')]);
  await release(JSON.parse(text) as Opened);
});

it('counts the sessions that were live, whose holders renew and release them as before', async () => {
  const last = await opened('proj_capped');
  const refused = await open('proj_capped');
  expect([refused.status, refused.text]).toEqual([
    429,
    expect.stringContaining('concurrency_limit_exceeded'),
  ]);
  for (const session of live) {
    const beat = await asHolder('POST', `/session/${session.session_id}/heartbeat`, session);
    expect(beat.status).toBe(200);
  }
  for (const session of [last, ...live]) await release(session);
  expect((await rows()).taken).toBe(0);
  expect(await wrongCounts()).toBe(0);
});

it('goes on with the audit where the dump ended, and tells by a newer head what it lost', async () => {
  const { events, sessions } = await rows();
  expect(events).toBeGreaterThan(rowsOfDump.events);
  expect(sessions).toBeGreaterThan(rowsOfDump.sessions);
  const ofDump = (await readFile(join(folder, 'heads/at-dump.jsonl'), 'utf8')).trim();
  const heads = `${ofDump}\n${(await vestibule('audit', 'head')).trim()}`;
  expect(await vestibule('audit', 'verify', '--head', heads)).toMatch(
    /^intact: .*anchored by 2 signed heads/,
  );
  const verdict = await vestibule('audit', 'verify', '--head', newestHead).catch((error: unknown) => error);
  expect(verdict).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^tampered: .*: rows are missing: a head signed \S+ has seq \d+/),
  });
});
