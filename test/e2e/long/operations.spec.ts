/** A release by the commands of the page for operators, as they stand there, with names and addresses of this cluster. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { type Block, blocksOf, ROOT } from '../../docs/support/blocks.ts';
import type { Ran } from '../../docs/support/page-shell.ts';
import { aKey } from '../../support/manifests.ts';
import { until } from '../../support/until.ts';
import { makeCertificate } from '../support/certificate.ts';
import { giveDatabaseTls } from '../support/database-tls.ts';
import { imageName, IMAGES } from '../support/images.ts';
import { Installation } from '../support/installation.ts';
import { kubectl } from '../support/kubectl.ts';
import { PageCheckout } from '../support/page-checkout.ts';

const PAGE = 'docs/operations.md';
const TIMEOUT_MS = 300_000;
/** Of the sample that the page applies. */
const PROJECT = 'demo_shop';
const BY_TLS = '?sslmode=verify-full&sslrootcert=/etc/vestibule/database-ca.crt';

const page = blocksOf(PAGE);
let installation: Installation;
let checkout: PageCheckout;
let namespace: string;
let values: Record<string, unknown>;

/** As the page writes it. */
async function databaseUrl(entry: string): Promise<string> {
  const { protocol, username, password } = new URL(await installation.secret(entry));
  return `${protocol}//${username}:${password}@postgres.${installation.namespace}:5432/vestibule${BY_TLS}`;
}

const writeValues = (): void => {
  checkout.write('my-values.yaml', stringify(values));
};

const commandsOf = (section: string): Block[] =>
  page.filter((block) => block.section === section && block.language === 'sh');

const run = (...blocks: Block[]): Promise<Ran[]> =>
  checkout.run(blocks, [['https://vestibule.example.com', `http://${checkout.address}`]]);

const openSession = async (): Promise<number> => {
  const request = { method: 'POST', path: '/session', body: { project_id: PROJECT } };
  return (await installation.caller.askInside(`http://vestibule.${namespace}`, request)).status;
};

const revision = async (): Promise<string> => {
  const releases = await installation.runHelm('list', '--namespace', namespace, '--output', 'json');
  return (JSON.parse(releases) as { revision: string }[])[0]!.revision;
};

beforeAll(async () => {
  installation = await Installation.prepare('operations');
  namespace = `${installation.namespace}-release`;
  checkout = await PageCheckout.make(namespace, ['charts', 'scripts']);
  for (const sample of ['project.yaml', 'project-full.yaml']) {
    checkout.writeSample(sample, `http://simulator.${installation.namespace}/v1`);
  }
  await makeCertificate(checkout.folder, 'ca', `postgres.${installation.namespace}`);
  await makeCertificate(checkout.folder, 'tls', installation.host);
  await giveDatabaseTls(installation.namespace, checkout.folder, 'ca');
  checkout.environment = {
    DATABASE_URL: await databaseUrl('database-url'),
    DATABASE_MIGRATION_URL: await databaseUrl('migration-url'),
    OPENAI_API_KEY: aKey(),
  };
  const least = readFileSync(join(ROOT, 'charts/vestibule/ci/default-values.yaml'), 'utf8');
  const { database, ...others } = parse(least) as { database: object };
  values = {
    ...others,
    image: imageName(IMAGES.vestibule),
    database: { ...database, ca: { configMap: 'vestibule-database-ca' } },
    audit: { signingKeySecret: { name: 'vestibule-audit' } },
    providerUrls: [`http://simulator.${installation.namespace}/v1`],
    // The cluster's, which all suites share.
    crds: { install: false },
  };
  writeValues();
}, TIMEOUT_MS);
afterAll(async () => {
  const prepared = installation as Installation | undefined;
  if (prepared === undefined) return;
  try {
    await kubectl(
      'delete',
      'namespace',
      namespace,
      `${namespace}-keys`,
      '--ignore-not-found',
      '--wait=false',
    );
  } finally {
    await prepared.close();
    (checkout as PageCheckout | undefined)?.remove();
  }
}, TIMEOUT_MS);

it(
  'is installed, with TLS to the database, and passes its own test',
  async () => {
    const ran = await run(...commandsOf('Install'));
    expect(ran.at(-1)!.printed).toMatch(/Phase: +Succeeded/);
  },
  TIMEOUT_MS,
);

it(
  'has an ingress',
  async () => {
    const [certificate] = commandsOf('Ingress and TLS');
    const shown = page.find(({ section, language }) => section === 'Ingress and TLS' && language === 'yaml');
    const { ingress, ...others } = parse(shown!.code) as { ingress: object };
    const className = process.env['INGRESS_CLASS'] ?? 'test';
    values = { ...values, ...others, ingress: { ...ingress, className, host: installation.host } };
    writeValues();
    await run(certificate!, ...commandsOf('Upgrade'));
    const found = await kubectl('-n', namespace, 'get', 'ingress', '-o', 'yaml');
    expect(found).toContain(installation.host);
  },
  TIMEOUT_MS,
);

it(
  'gets its first key and its relays by a port-forward',
  async () => {
    const [, portForward] = commandsOf('Ingress and TLS');
    const relays = commandsOf('TURN').filter(({ code }) => code.startsWith('openssl'));
    const ran = await run(portForward!, ...commandsOf('First key'), ...relays);
    expect(ran.flatMap(({ statuses }) => statuses)).toContain(201);
    await until('it opens sessions', async () => (await openSession()) === 200, 30_000);
  },
  TIMEOUT_MS,
);

it(
  'goes back to the revision before',
  async () => {
    const before = Number(await revision());
    await run(...commandsOf('Roll back'));
    expect(Number(await revision())).toBe(before + 1);
    expect(await openSession()).toBe(200);
  },
  TIMEOUT_MS,
);

it(
  'is uninstalled, and leaves projects and keys',
  async () => {
    await run(...commandsOf('Uninstall'));
    expect(await kubectl('-n', namespace, 'get', 'projects.vestibule.dev', '-o', 'name')).toContain(
      'demo-shop',
    );
    expect(await kubectl('-n', `${namespace}-keys`, 'get', 'sealedsecrets', '-o', 'name')).not.toBe('');
  },
  TIMEOUT_MS,
);
