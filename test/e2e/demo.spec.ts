/** The demo, by the commands of its page as they stand there, with the images of this checkout. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf } from '../docs/support/blocks.ts';
import { IMAGES } from './support/images.ts';
import { kubectl } from './support/kubectl.ts';
import { writeOverlay } from './support/kustomize.ts';
import { PageCheckout } from './support/page-checkout.ts';

const NAMESPACE = 'vestibule-demo';
const TIMEOUT_MS = 300_000;

const commands = blocksOf('k8s/README.md').filter(
  ({ section, language }) => section === 'Demo' && language === 'sh',
);
let checkout: PageCheckout;
let demo: string;

beforeAll(async () => {
  checkout = await PageCheckout.make(NAMESPACE, []);
  demo = join(checkout.folder, 'k8s/demo');
  mkdirSync(demo, { recursive: true });
  await writeOverlay(demo, {
    base: 'k8s/demo',
    images: {
      'ghcr.io/vestibule-dev/vestibule': IMAGES.vestibule,
      'ghcr.io/vestibule-dev/vestibule-simulator': IMAGES.simulator,
      postgres: IMAGES.postgres,
    },
  });
});
afterAll(async () => {
  (checkout as PageCheckout | undefined)?.remove();
  await kubectl('delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=120s');
}, TIMEOUT_MS);

it(
  'has a project whose key is sealed, and opens a session for it',
  async () => {
    const ran = await checkout.run(commands);
    const { statuses, printed } = ran.at(-1)!;
    expect(statuses).toEqual([200]);
    expect(printed).toContain('"flow":"vault"');
    const sealed = await kubectl('-n', NAMESPACE, 'get', 'sealedsecrets', '-o', 'name');
    expect(sealed.trim().split('\n')).toHaveLength(1);
    const projects = await kubectl('-n', NAMESPACE, 'get', 'projects.vestibule.dev', '-o', 'json');
    const { items } = JSON.parse(projects) as { items: { spec: { projectId: string } }[] };
    expect(items.map(({ spec }) => spec.projectId)).toEqual(['proj_demo']);
  },
  TIMEOUT_MS,
);

it('can be applied again', async () => {
  expect(await kubectl('apply', '-k', demo)).toMatch(/deployment\.apps\/vestibule (unchanged|configured)/);
});
