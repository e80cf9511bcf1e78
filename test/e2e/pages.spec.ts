/** A release that comes, is used, fails and goes by the commands of pages, as they stand there, with the names of this cluster. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { type Block, blocksOf, ROOT } from '../docs/support/blocks.ts';
import { aKey } from '../support/manifests.ts';
import { until } from '../support/until.ts';
import { DefinitionsOwner } from './support/definitions-owner.ts';
import { imageName, IMAGES } from './support/images.ts';
import { Installation } from './support/installation.ts';
import { kubectl } from './support/kubectl.ts';
import { PageCheckout } from './support/page-checkout.ts';

const CHART = 'charts/vestibule/README.md';
const CLUSTER = 'docs/kubernetes.md';
const ROLES = 'k8s/rbac/README.md';
const TIMEOUT_MS = 300_000;
const SERVERS = 'app.kubernetes.io/component=server';
/** Of the sample that pages apply. */
const PROJECT = 'demo_shop';
/** Where the page has the token of a pod. */
const TOKEN = '/var/run/secrets/vestibule/token';

let installation: Installation;
/** Of the release; and of what is applied with kubectl alone. */
let checkout: PageCheckout;
let applied: PageCheckout;
let namespace: string;
let appliedTo: string;

const blocksIn = (page: string, section: string, language = 'sh'): Block[] =>
  blocksOf(page).filter((block) => block.section === section && block.language === language);
const [, portForward] = blocksIn('docs/operations.md', 'Ingress and TLS');
const [upgrade, rollBack, uninstall] = blocksIn(CHART, 'Upgrade, roll back, uninstall');

const inNamespace = (...args: string[]): Promise<string> => kubectl('-n', namespace, ...args);
const readIn = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

async function printedBy(...blocks: Block[]): Promise<string> {
  return (await checkout.run(blocks)).map(({ printed }) => printed).join('');
}

const openSession = async (): Promise<number> => {
  const request = { method: 'POST', path: '/session', body: { project_id: PROJECT } };
  return (await installation.caller.askInside(`http://vestibule.${namespace}`, request)).status;
};

/** As pages have them, from where the release is. */
async function databaseUrl(entry: string): Promise<string> {
  return (await installation.secret(entry)).replace('@postgres:', `@postgres.${installation.namespace}:`);
}

async function prepareRelease(): Promise<void> {
  const provider = `http://simulator.${installation.namespace}/v1`;
  checkout = await PageCheckout.make(namespace, ['charts']);
  checkout.writeSample('project.yaml', provider);
  checkout.environment = {
    DATABASE_URL: await databaseUrl('database-url'),
    DATABASE_MIGRATION_URL: await databaseUrl('migration-url'),
    OPENAI_API_KEY: aKey(),
    NAMESPACE: namespace,
  };
  const values = {
    ...(parse(readIn('charts/vestibule/ci/default-values.yaml')) as object),
    image: imageName(IMAGES.vestibule),
    audit: { signingKeySecret: { name: 'vestibule-audit' } },
    providerUrls: [provider],
    drain: { delaySeconds: 1 },
    // The cluster's, which all suites share.
    crds: { install: false },
  };
  checkout.write('my-values.yaml', stringify(values));
}

/** Where the page says `k8s/rbac` are the roles for other namespaces, made as the page of the roles says. */
async function prepareApplied(): Promise<void> {
  applied = await PageCheckout.make(appliedTo, ['k8s/crds', 'k8s/samples']);
  const [other] = blocksOf(ROLES).filter(({ language }) => language === 'yaml');
  const roles = other!.code
    .replace('path/to/k8s/rbac', join('..', 'of-this-checkout'))
    .replaceAll('"voice', `"${appliedTo}`);
  applied.link('k8s/rbac', 'k8s/of-this-checkout');
  applied.write('k8s/rbac/kustomization.yaml', roles);
}

beforeAll(async () => {
  installation = await Installation.prepare('pages');
  namespace = `${installation.namespace}-release`;
  appliedTo = `${installation.namespace}-applied`;
  await prepareRelease();
  await prepareApplied();
}, TIMEOUT_MS);
afterAll(async () => {
  const prepared = installation as Installation | undefined;
  if (prepared === undefined) return;
  const namespaces = [namespace, appliedTo].flatMap((name) => [name, `${name}-keys`]);
  try {
    await kubectl('delete', 'namespace', ...namespaces, '--ignore-not-found', '--wait=false');
  } finally {
    await prepared.close();
    for (const each of [checkout, applied] as (PageCheckout | undefined)[]) each?.remove();
  }
}, TIMEOUT_MS);

/** Whether the service's account may. */
const may = (...what: string[]): Promise<boolean> =>
  kubectl('auth', 'can-i', '--as', `system:serviceaccount:${appliedTo}:vestibule`, ...what).then(
    () => true,
    () => false,
  );

it('a cluster is set up with kubectl, in other namespaces than those of the roles', async () => {
  const [setUp] = blocksIn(CLUSTER, 'Setting it up');
  const ran = await applied.run([
    setUp!,
    ...blocksIn(ROLES, 'Roles'),
    ...blocksIn('k8s/README.md', 'Kubernetes'),
  ]);
  expect(ran.at(-1)!.printed).toContain('project.vestibule.dev/demo-shop');
  const allowed = await Promise.all([
    may('list', 'secrets', '-n', `${appliedTo}-keys`),
    may('patch', 'projects.vestibule.dev', '--subresource=status', '-n', appliedTo),
    may('list', 'secrets', '-n', appliedTo),
  ]);
  expect(allowed).toEqual([true, true, false]);
});

it(
  'a release is installed, and passes its own test',
  async () => {
    expect(await printedBy(...blocksIn(CHART, 'Install'))).toMatch(/Phase: +Succeeded/);
  },
  TIMEOUT_MS,
);

it('a project gets its key, and its status tells', async () => {
  const [, project] = blocksIn(CLUSTER, 'Setting it up');
  const ran = await checkout.run([portForward!, project!]);
  expect(ran.at(-1)!.statuses).toEqual([201]);
  await inNamespace('wait', 'projects.vestibule.dev/demo-shop', '--for=condition=Ready', '--timeout=30s');
  const told = await printedBy(...blocksIn(CLUSTER, 'What status tells'));
  expect(told).toMatch(/Reason: +KeyLoaded/);
});

it('a pod is a caller by the token of its service account', async () => {
  const shop = await installation.kube.createNamespace('shop');
  const section = 'Service accounts as callers';
  const [client, pod] = blocksIn(CLUSTER, section, 'yaml').map(
    ({ code }) =>
      parse(
        code
          .replaceAll('namespace: vestibule', `namespace: ${namespace}`)
          .replaceAll('namespace: shop', `namespace: ${shop}`),
      ) as { spec: { containers: object[] } },
  );
  const image = { image: IMAGES.vestibule, command: ['node', '-e', 'setInterval(() => undefined, 1 << 30)'] };
  pod!.spec.containers = pod!.spec.containers.map((container) => ({ ...container, ...image }));
  checkout.write('callers.yaml', [client, pod].map((each) => stringify(each)).join('---\n'));
  await kubectl('-n', shop, 'create', 'serviceaccount', 'web');
  await kubectl('apply', '-f', join(checkout.folder, 'callers.yaml'));
  await kubectl('-n', shop, 'wait', 'pod/web', '--for=condition=Ready', '--timeout=60s');
  await inNamespace('wait', 'clients.vestibule.dev/shop-web', '--for=condition=Ready', '--timeout=30s');
  const read = `process.stdout.write(require('node:fs').readFileSync('${TOKEN}'))`;
  checkout.write('token', await kubectl('-n', shop, 'exec', 'web', '--', 'node', '-e', read));
  const ran = await checkout.run([portForward!, ...blocksIn(CLUSTER, section)], [[TOKEN, 'token']]);
  expect(ran.at(-1)!.statuses).toEqual([200]);
  expect(ran.at(-1)!.printed).toContain('"flow":"commercial"');
});

it('the audit holds against the heads in the log of its pods', async () => {
  const log = (): Promise<string> => inNamespace('logs', '-l', SERVERS, '--tail=-1');
  await until('a head is in the log', async () => (await log()).includes('"audit_head"'), 30_000);
  const [verify] = blocksIn('docs/audit.md', 'Signed heads').filter(({ code }) => code.startsWith('kubectl'));
  expect(await printedBy(verify!)).toMatch(/^intact: .* anchored by \d+ signed heads?/);
});

it(
  'whoever is called finds the setting that keeps it down, and goes back to the revision before',
  async () => {
    await printedBy(upgrade!);
    await inNamespace('scale', 'deployment/vestibule', '--replicas=0');
    await inNamespace('wait', 'pod', '-l', SERVERS, '--for=delete', '--timeout=60s');
    await inNamespace('set', 'env', 'deployment/vestibule', 'LOG_LEVEL=loud');
    await inNamespace('scale', 'deployment/vestibule', '--replicas=1');
    // Between two attempts: meanwhile the kubelet puts one away and tells of it later.
    const waits = 'jsonpath={.items[*].status.containerStatuses[0].state.waiting.reason}';
    await until(
      'it is not tried again for a while',
      async () => (await inNamespace('get', 'pods', '-l', SERVERS, '-o', waits)) === 'CrashLoopBackOff',
      60_000,
    );
    const seen = await printedBy(...blocksIn('docs/runbooks/VestibuleDown.md', 'VestibuleDown'));
    expect(seen).toMatch(/^vestibule-\S+ +\d+ +78$/m);
    expect(seen).toContain('LOG_LEVEL');
    await printedBy(rollBack!);
    await until('it opens sessions', async () => (await openSession()) === 200, 30_000);
  },
  TIMEOUT_MS,
);

it('the definitions of the cluster are handed over to it', async () => {
  const take = (): Promise<string> =>
    installation.runHelm(
      ...['upgrade', 'vestibule', join(ROOT, 'charts/vestibule'), '--namespace', namespace],
      ...['--reuse-values', '--set', 'crds.install=true', '--dry-run=server'],
    );
  await using _owner = await DefinitionsOwner.keep(installation.kube);
  await expect(take()).rejects.toThrow("hand it over as the chart's README says");
  await printedBy(...blocksIn(CHART, 'A second release'));
  expect(await take()).toContain('name: projects.vestibule.dev');
});

it('it is uninstalled, and leaves projects and keys', async () => {
  await printedBy(uninstall!);
  expect(await inNamespace('get', 'projects.vestibule.dev', '-o', 'name')).toContain('demo-shop');
  expect(await kubectl('-n', `${namespace}-keys`, 'get', 'sealedsecrets', '-o', 'name')).not.toBe('');
});
