import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import {
  ApiException,
  CustomObjectsApi,
  KubeConfig,
  KubernetesObjectApi,
  type KubernetesObject,
} from '@kubernetes/client-node';
import type { Manifest } from '../../src/manifests/manifest.ts';
import { parseManifests } from '../../src/directory/parse-manifests.ts';
import { readClient, readProject } from '../../src/projects/resource.ts';
import { BAD_RESOURCES, GOOD_RESOURCES, UNKNOWN } from '../support/resource-cases.ts';

const SAMPLES = new URL('../../k8s/samples/', import.meta.url);
const GROUP = 'vestibule.dev';
const VERSION = 'v1alpha1';
const PLURALS = { Project: 'projects', Client: 'clients' } as const;

type Kind = keyof typeof PLURALS;
type Stored = KubernetesObject & { spec: unknown; status?: unknown };

const config = new KubeConfig();
config.loadFromFile(kubeconfigFile());
const objects = KubernetesObjectApi.makeApiClient(config);
const resources = config.makeApiClient(CustomObjectsApi);
const namespace = `vestibule-e2e-${randomBytes(4).toString('hex')}`;

function kubeconfigFile(): string {
  const file = process.env['KUBECONFIG'];
  if (file === undefined || file === '')
    throw new Error('KUBECONFIG has to name a cluster that may be changed');
  return file;
}

function place(kind: Kind) {
  return { group: GROUP, version: VERSION, namespace, plural: PLURALS[kind] };
}

async function create(
  kind: Kind,
  spec: unknown,
  name = `a-${randomBytes(4).toString('hex')}`,
): Promise<Stored> {
  const body = { apiVersion: `${GROUP}/${VERSION}`, kind, metadata: { name }, spec };
  return (await resources.createNamespacedCustomObject({
    ...place(kind),
    body,
    fieldValidation: 'Strict',
  })) as Stored;
}

/** What the API server says against it. */
async function refusalOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    if (!(error instanceof ApiException)) throw error;
    return (JSON.parse(error.body as string) as { message: string }).message;
  }
  throw new Error('it was not refused');
}

function ourSpec(kind: Kind, name: string, spec: unknown): unknown {
  const document = { kind, metadata: { name }, spec };
  const manifest: Manifest = { kind, name, document, source: name, createdAt: 0, modifiedAt: 0 };
  const checked = kind === 'Project' ? readProject(manifest, () => true) : readClient(manifest);
  return checked.ok ? checked.value.spec : checked.details;
}

/** `/spec/models/0` as the API server has it: `spec.models[0]`. */
function fieldPath(pointer: string): string {
  return pointer
    .slice(1)
    .replace(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.');
}

function expected(field: string, message: string | undefined): string {
  if (message === UNKNOWN) return `unknown field "${fieldPath(field)}"`;
  return message === undefined ? `${fieldPath(field)}: ` : `: ${message}`;
}

beforeAll(async () => {
  await objects.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});

afterAll(async () => {
  await objects.delete({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
});

describe('the API server', () => {
  const samples = readdirSync(SAMPLES).flatMap((file) => {
    const text = readFileSync(new URL(file, SAMPLES), 'utf8');
    return parseManifests(file, text, { bornAt: 0, modifiedAt: 0 }).manifests.map(
      ({ kind, name, document }) => ({
        file,
        kind: kind as Kind,
        name,
        spec: document['spec'],
      }),
    );
  });

  it.each(samples)('takes the sample $file, with our defaults', async ({ kind, name, spec }) => {
    const { spec: stored } = await create(kind, spec, name);
    expect(stored).toEqual(ourSpec(kind, name, spec));
    expect(ourSpec(kind, name, stored)).toEqual(stored);
  });

  it.each(GOOD_RESOURCES)('takes $what, with our defaults', async ({ kind, spec }) => {
    expect((await create(kind, spec)).spec).toEqual(ourSpec(kind, 'a', spec));
  });

  it.each(BAD_RESOURCES)(
    'refuses $what, and names the field and the rule',
    async ({ kind, spec, field, message }) => {
      const refusal = await refusalOf(create(kind, spec));
      expect(refusal).toContain(fieldPath(field));
      expect(refusal).toContain(expected(field, message));
    },
  );

  it('gives a Project without a spec the defaults', async () => {
    expect((await create('Project', undefined)).spec).toEqual(ourSpec('Project', 'a', {}));
  });

  it('keeps a status apart from the spec, and closed', async () => {
    const name = 'with-status';
    const created = await create('Project', {}, name);
    const body = {
      ...created,
      spec: { suspended: true },
      status: {
        observedGeneration: 1,
        activeSessions: 2,
        keyFingerprint: 'sha256:0123456789abcdef',
        keyLoadedAt: '2026-01-01T00:00:00.000Z',
        conditions: [
          {
            type: 'Ready',
            status: 'True',
            reason: 'Ready',
            message: '',
            observedGeneration: 1,
            lastTransitionTime: '2026-01-01T00:00:00.000Z',
          },
        ],
      },
    };
    const { spec, status } = (await resources.replaceNamespacedCustomObjectStatus({
      ...place('Project'),
      name,
      body,
      fieldValidation: 'Strict',
    })) as Stored;
    expect(status).toEqual(body.status);
    expect(spec).toEqual(created.spec);
    const latest = await resources.getNamespacedCustomObject({ ...place('Project'), name });
    const refusal = await refusalOf(
      resources.replaceNamespacedCustomObjectStatus({
        ...place('Project'),
        name,
        body: {
          ...(latest as Stored),
          status: { keyFingerprint: 'abc', conditions: [{ type: 'Ready', status: 'Maybe' }] },
        },
      }),
    );
    expect(refusal).toContain('status.keyFingerprint');
    expect(refusal).toContain('status.conditions[0].status');
  });
});
