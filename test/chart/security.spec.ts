import { PERMISSIONS } from '../../src/kubernetes/permissions.ts';
import { rulesOf } from '../../scripts/rbac/rules.ts';
import { changed, type Manifest, ofKind, only, podsOf, render, valuesOf } from './support/helm.ts';

const base = valuesOf('default');
const full = valuesOf('full');

describe('every pod', () => {
  it.each([
    ['least', base],
    ['all', full],
  ])(
    'of the %s values keeps to Pod Security’s restricted, on a root that is read-only',
    async (_which, values) => {
      const pods = podsOf(await render(values));
      expect(pods.map(({ kind }) => kind).sort()).toEqual(['Deployment', 'Job', 'Pod']);
      for (const { spec } of pods) {
        expect(spec.securityContext).toMatchObject({
          runAsNonRoot: true,
          seccompProfile: { type: 'RuntimeDefault' },
        });
        expect(spec).not.toHaveProperty('hostNetwork');
        expect(spec.containers).toHaveLength(1);
        expect(spec.containers[0].securityContext).toEqual({
          allowPrivilegeEscalation: false,
          privileged: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(spec.containers[0].resources).toMatchObject({
          requests: { cpu: expect.any(String), memory: expect.any(String) },
          limits: { memory: expect.any(String) },
        });
      }
    },
  );

  it('writes nowhere, with the least values', async () => {
    for (const { spec } of podsOf(await render(base))) {
      for (const volume of (spec.volumes ?? []) as object[])
        expect(Object.keys(volume).sort()).toEqual(['name', 'projected']);
    }
  });

  it('has a token of the API server only when it is the service', async () => {
    const manifests = await render(base);
    const mounts = podsOf(manifests).map(({ kind, spec }) => [
      kind,
      spec.automountServiceAccountToken as boolean,
    ]);
    expect(Object.fromEntries(mounts)).toEqual({ Deployment: true, Job: false, Pod: false });
    for (const account of ofKind(manifests, 'ServiceAccount'))
      expect(account['automountServiceAccountToken']).toBe(false);
  });
});

describe('the roles', () => {
  const rulesFor = (where: string): unknown =>
    rulesOf(PERMISSIONS.filter((permission) => permission.where === where));
  const bindings = (manifests: Manifest[]): Manifest[] =>
    manifests.filter(({ kind }) => kind === 'RoleBinding' || kind === 'ClusterRoleBinding');

  it('grant what the service asks for, where it asks for it, and nothing in all namespaces', async () => {
    const manifests = await render(base);
    expect(ofKind(manifests, 'Role').map(({ metadata, rules }) => [metadata.namespace, rules])).toEqual(
      expect.arrayContaining([
        ['voice', rulesFor('configuration')],
        ['voice-keys', rulesFor('keys')],
      ]),
    );
    expect(ofKind(manifests, 'Role')).toHaveLength(2);
    expect(manifests.filter(({ kind }) => kind.startsWith('ClusterRole'))).toEqual([]);
  });

  it('have a ClusterRole for TokenReview while that is on', async () => {
    const manifests = await render(changed(base, { jwt: { tokenReview: true } }));
    expect(only(manifests, 'ClusterRole')['rules']).toEqual(rulesFor('cluster'));
    expect(only(manifests, 'ClusterRole').metadata).not.toHaveProperty('namespace');
  });

  it('are bound to the service’s account, and each to its own binding', async () => {
    for (const values of [base, full, changed(base, { serviceAccount: { create: false, name: 'mine' } })]) {
      const manifests = await render(values);
      const account = only(manifests, 'Deployment').spec.template.spec.serviceAccountName as string;
      const roles = manifests.filter(({ kind }) => kind === 'Role' || kind === 'ClusterRole');
      expect(bindings(manifests)).toHaveLength(roles.length);
      for (const { roleRef, subjects, metadata } of bindings(manifests)) {
        expect(subjects).toEqual([{ kind: 'ServiceAccount', name: account, namespace: 'voice' }]);
        expect(roles).toContainEqual(
          expect.objectContaining({
            kind: roleRef.kind,
            metadata: expect.objectContaining({
              name: roleRef.name,
              ...(metadata.namespace && { namespace: metadata.namespace }),
            }),
          }),
        );
      }
    }
  });

  it('are left to somebody else when the values say so', async () => {
    const kinds = (await render(changed(full, { rbac: { create: false } }))).map(({ kind }) => kind);
    expect(kinds.filter((kind) => /Role/.test(kind))).toEqual([]);
  });
});
