import { readFileSync } from 'node:fs';
import { CUSTOM_RESOURCE_DEFINITIONS } from '../../scripts/crds/definitions.ts';
import { VERSION } from '../../src/common/version.ts';
import { changed, type Manifest, ofKind, only, podsOf, render, valuesOf, keyOf } from './support/helm.ts';

const base = valuesOf('default');
const full = valuesOf('full');

describe('a release with the least values', () => {
  let manifests: Manifest[];
  beforeAll(async () => {
    manifests = await render(base);
  });

  it('is these objects and no other', () => {
    expect(manifests.map(keyOf).sort()).toEqual([
      'CustomResourceDefinition /clients.vestibule.dev',
      'CustomResourceDefinition /projects.vestibule.dev',
      'Deployment voice/vestibule',
      'Job voice/vestibule-migrate',
      'Namespace /voice-keys',
      'NetworkPolicy voice/vestibule-default-deny',
      'NetworkPolicy voice/vestibule-migrate',
      'NetworkPolicy voice/vestibule-server',
      'NetworkPolicy voice/vestibule-test',
      'Pod voice/vestibule-test',
      'PodDisruptionBudget voice/vestibule',
      'Role voice-keys/voice.vestibule-keys',
      'Role voice/vestibule-configuration',
      'RoleBinding voice-keys/voice.vestibule-keys',
      'RoleBinding voice/vestibule-configuration',
      'Service voice/vestibule',
      'Service voice/vestibule-ops',
      'ServiceAccount voice/vestibule',
      'ServiceAccount voice/vestibule-migrate',
    ]);
  });

  it('is labelled as Kubernetes recommends', () => {
    for (const { metadata } of manifests) {
      expect(metadata.labels).toMatchObject({
        'app.kubernetes.io/name': 'vestibule',
        'app.kubernetes.io/instance': 'vestibule',
        'app.kubernetes.io/version': VERSION,
        'app.kubernetes.io/managed-by': 'Helm',
        'helm.sh/chart': expect.stringMatching(/^vestibule-\d/),
      });
    }
  });

  it('leaves the definitions and the keys where they are when it goes, and nothing else', () => {
    const kept = manifests.filter(
      ({ metadata }) => metadata.annotations?.['helm.sh/resource-policy'] === 'keep',
    );
    expect(kept.map(keyOf).sort()).toEqual([
      'CustomResourceDefinition /clients.vestibule.dev',
      'CustomResourceDefinition /projects.vestibule.dev',
      'Namespace /voice-keys',
    ]);
    for (const { metadata } of manifests) {
      const { 'helm.sh/hook': hook, 'helm.sh/hook-delete-policy': policy } = metadata.annotations ?? {};
      // One that failed is not deleted: its log says why.
      if (hook !== undefined)
        expect([metadata.name, policy]).toEqual([metadata.name, 'before-hook-creation,hook-succeeded']);
    }
  });

  it('has the definitions that the code has, field by field', () => {
    const specs = ofKind(manifests, 'CustomResourceDefinition').map(({ metadata, spec }) => [
      metadata.name,
      spec,
    ]);
    const expected = CUSTOM_RESOURCE_DEFINITIONS.map(({ metadata, spec }) => [metadata.name, spec]);
    expect(specs.sort()).toEqual(JSON.parse(JSON.stringify(expected.sort())));
  });

  it('replaces pods with none missing, and lets each answer before it goes', () => {
    const { spec } = only(manifests, 'Deployment');
    expect(spec.replicas).toBe(2);
    expect(spec.strategy).toEqual({
      type: 'RollingUpdate',
      rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
    });
    const pod = spec.template.spec;
    const { env } = pod.containers[0] as { env: { name: string; value: string }[] };
    const delay = Number(env.find(({ name }) => name === 'VESTIBULE_DRAIN_SECONDS')?.value);
    const [, stop] = /STOP_TIMEOUT_MS = ([\d_]+);/.exec(readFileSync('src/cli/serve.ts', 'utf8'))!;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(delay + Number(stop!.replace('_', '')) / 1000);
  });

  it('asks the port of its own for the health of a pod', () => {
    const { containers } = only(manifests, 'Deployment').spec.template.spec;
    const { startupProbe, livenessProbe, readinessProbe } = containers[0];
    expect([startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet)).toEqual([
      { path: '/livez', port: 'ops' },
      { path: '/livez', port: 'ops' },
      { path: '/readyz', port: 'ops' },
    ]);
    expect(containers[0].ports).toEqual([
      { name: 'http', containerPort: 3000, protocol: 'TCP' },
      { name: 'ops', containerPort: 9464, protocol: 'TCP' },
    ]);
  });

  it('serves the API and the metrics by Services of their own', () => {
    const pod = only(manifests, 'Deployment').spec.template.metadata.labels;
    for (const [suffix, targetPort] of [
      ['vestibule', 'http'],
      ['-ops', 'ops'],
    ] as const) {
      const { spec } = only(manifests, 'Service', suffix);
      expect(spec.ports).toEqual([expect.objectContaining({ targetPort })]);
      expect(pod).toMatchObject(spec.selector);
    }
    const jobs = only(manifests, 'Job').spec.template.metadata.labels;
    expect(jobs).not.toMatchObject(only(manifests, 'Service', 'vestibule').spec.selector);
  });

  it('lets nodes be drained, pod by pod, and never waits for one that is not ready', () => {
    expect(only(manifests, 'PodDisruptionBudget').spec).toMatchObject({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    });
  });

  it('spreads its pods over zones and nodes', () => {
    const constraints = only(manifests, 'Deployment').spec.template.spec.topologySpreadConstraints;
    expect(constraints.map(({ topologyKey }: { topologyKey: string }) => topologyKey)).toEqual([
      'topology.kubernetes.io/zone',
      'kubernetes.io/hostname',
    ]);
  });

  it('migrates before all else, bounded, as an account that may nothing', () => {
    const job = only(manifests, 'Job');
    expect(job.metadata.annotations).toMatchObject({ 'helm.sh/hook': 'pre-install,pre-upgrade' });
    expect(job.spec).toMatchObject({ activeDeadlineSeconds: 600, backoffLimit: 2 });
    const pod = job.spec.template.spec;
    expect(pod.containers[0].args).toEqual(['migrate']);
    expect(pod.automountServiceAccountToken).toBe(false);
    const account = only(manifests, 'ServiceAccount', '-migrate');
    expect(pod.serviceAccountName).toBe(account.metadata.name);
    expect(Number(account.metadata.annotations?.['helm.sh/hook-weight'])).toBeLessThan(
      Number(job.metadata.annotations?.['helm.sh/hook-weight']),
    );
    const subjects = ofKind(manifests, 'RoleBinding').flatMap(
      ({ subjects: some }) => some as { name: string }[],
    );
    expect(subjects.map(({ name }) => name)).not.toContain(account.metadata.name);
  });
});

describe('a release with all values', () => {
  let manifests: Manifest[];
  beforeAll(async () => {
    manifests = await render(full);
  });

  it('leaves the number of pods to its HorizontalPodAutoscaler', () => {
    const deployment = only(manifests, 'Deployment');
    expect(deployment.spec).not.toHaveProperty('replicas');
    expect(only(manifests, 'HorizontalPodAutoscaler').spec).toMatchObject({
      scaleTargetRef: { kind: 'Deployment', name: deployment.metadata.name },
      minReplicas: 2,
      maxReplicas: 10,
      metrics: [{ resource: { name: 'cpu', target: { averageUtilization: 70 } } }],
    });
  });

  it('has the operator’s own words where they belong', () => {
    const { metadata, spec } = only(manifests, 'Deployment').spec.template;
    expect(metadata).toMatchObject({
      labels: { 'example.com/team': 'voice', 'example.com/cost': 'voice' },
      annotations: { 'example.com/note': 'pod' },
    });
    expect(spec).toMatchObject({
      imagePullSecrets: [{ name: 'registry' }],
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'voice' }],
      affinity: { nodeAffinity: expect.any(Object) },
      priorityClassName: 'system-cluster-critical',
    });
    const notes = ofKind(manifests, 'Service')
      .concat(
        ofKind(manifests, 'Ingress'),
        ofKind(manifests, 'HTTPRoute'),
        ofKind(manifests, 'ServiceAccount'),
      )
      .flatMap(({ metadata: { annotations } }) => annotations?.['example.com/note'] ?? []);
    expect(notes.sort()).toEqual(['account', 'ingress', 'route', 'service']);
    for (const { metadata: labelled } of manifests) expect(labelled.labels['example.com/cost']).toBe('voice');
  });
});

describe('the image', () => {
  const image = async (changes: object): Promise<string[]> =>
    podsOf(await render(changed(base, { image: changes }))).map(
      ({ spec }) => spec.containers[0].image as string,
    );

  it('is that of the chart’s program, of a tag, of a digest before a tag; everywhere the same', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const repository = 'registry.example.com/vestibule';
    expect(new Set(await image({}))).toEqual(new Set([`${repository}:${VERSION}`]));
    expect(new Set(await image({ tag: 'e2e' }))).toEqual(new Set([`${repository}:e2e`]));
    expect(new Set(await image({ tag: 'e2e', digest }))).toEqual(new Set([`${repository}@${digest}`]));
    expect(await image({})).toHaveLength(3);
  });
});

describe('topology spread', () => {
  const keys = async (topologySpread: object): Promise<string[] | undefined> => {
    const pod = only(await render(changed(base, { topologySpread })), 'Deployment').spec.template.spec;
    return (pod.topologySpreadConstraints as { topologyKey: string }[] | undefined)?.map(
      ({ topologyKey }) => topologyKey,
    );
  };

  it('goes over what is not off', async () => {
    expect(await keys({ zones: 'off' })).toEqual(['kubernetes.io/hostname']);
    expect(await keys({ nodes: 'off' })).toEqual(['topology.kubernetes.io/zone']);
    expect(await keys({ zones: 'off', nodes: 'off' })).toBeUndefined();
  });
});
