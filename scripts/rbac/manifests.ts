import { type Permission, PERMISSIONS, ROLE_FILES } from '../../src/kubernetes/permissions.ts';
import { type Grant, type PolicyRule, rulesOf } from './rules.ts';

const RBAC_API = 'rbac.authorization.k8s.io';

export interface Names {
  /** Of the role and of its binding. */
  name: string;
  /** Absent for what holds everywhere. */
  namespace?: string;
}

export interface Account {
  name: string;
  namespace: string;
}

export interface RoleManifest {
  apiVersion: string;
  kind: 'Role' | 'ClusterRole';
  metadata: Names;
  rules: PolicyRule[];
}

export interface BindingManifest {
  apiVersion: string;
  kind: 'RoleBinding' | 'ClusterRoleBinding';
  metadata: Names;
  roleRef: { apiGroup: string; kind: RoleManifest['kind']; name: string };
  subjects: ({ kind: 'ServiceAccount' } & Account)[];
}

export function roleOf(names: Names, grants: readonly Grant[]): RoleManifest {
  const kind = names.namespace === undefined ? 'ClusterRole' : 'Role';
  return { apiVersion: `${RBAC_API}/v1`, kind, metadata: names, rules: rulesOf(grants) };
}

export function bindingOf({ kind, metadata }: RoleManifest, account: Account): BindingManifest {
  return {
    apiVersion: `${RBAC_API}/v1`,
    kind: `${kind}Binding`,
    metadata,
    roleRef: { apiGroup: RBAC_API, kind, name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', ...account }],
  };
}

/** Namespaces as the generated manifests have them. */
const ACCOUNT: Account = { name: 'vestibule', namespace: 'vestibule' };
const NAMES: Record<Permission['where'], Names> = {
  configuration: { name: 'vestibule-configuration', namespace: 'vestibule' },
  keys: { name: 'vestibule-keys', namespace: 'vestibule-keys' },
  cluster: { name: 'vestibule-token-review' },
};

/** What is in k8s/rbac/, by the path of its file. */
export function roleManifests(): Map<string, (RoleManifest | BindingManifest)[]> {
  return new Map(
    (['configuration', 'keys', 'cluster'] as const).map((where) => {
      const role = roleOf(
        NAMES[where],
        PERMISSIONS.filter((permission) => permission.where === where),
      );
      return [ROLE_FILES[where], [role, bindingOf(role, ACCOUNT)]];
    }),
  );
}

export const SERVICE_ACCOUNT = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: ACCOUNT };
