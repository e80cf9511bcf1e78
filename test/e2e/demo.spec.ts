import { ask } from '../support/ask.ts';
import { IMAGES } from './support/images.ts';
import { forward, kubectl } from './support/kubectl.ts';
import { applyOverlay } from './support/kustomize.ts';

const NAMESPACE = 'vestibule-demo';
const TIMEOUT_MS = 240_000;

/** The demo as it is, with the images of this checkout. */
const apply = (): Promise<string> =>
  applyOverlay({
    base: 'k8s/demo',
    images: {
      'ghcr.io/vestibule-dev/vestibule': IMAGES.vestibule,
      'ghcr.io/vestibule-dev/vestibule-simulator': IMAGES.simulator,
      postgres: IMAGES.postgres,
    },
  });

beforeAll(apply, TIMEOUT_MS);
afterAll(() => kubectl('delete', 'namespace', NAMESPACE, '--ignore-not-found', '--timeout=120s'), TIMEOUT_MS);

it(
  'has a project whose key is sealed, and opens a session for it',
  async () => {
    await kubectl('-n', NAMESPACE, 'wait', 'job/deposit-key', '--for=condition=Complete', '--timeout=180s');
    const sealed = await kubectl('-n', NAMESPACE, 'get', 'sealedsecrets', '-o', 'name');
    expect(sealed.trim().split('\n')).toHaveLength(1);
    const projects = await kubectl('-n', NAMESPACE, 'get', 'projects.vestibule.dev', '-o', 'json');
    const { items } = JSON.parse(projects) as { items: { spec: { projectId: string } }[] };
    expect(items.map(({ spec }) => spec.projectId)).toEqual(['proj_demo']);
    await using service = await forward(NAMESPACE, 'service/vestibule', 3000);
    const { status, json } = await ask(`${service.url}/session`, { body: { project_id: 'proj_demo' } });
    expect([status, json.metadata.flow]).toEqual([200, 'vault']);
  },
  TIMEOUT_MS,
);

it('can be applied again', async () => {
  expect(await apply()).toMatch(/deployment\.apps\/vestibule (unchanged|configured)/);
});
