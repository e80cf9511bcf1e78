import type { Permission } from '../../src/kubernetes/permissions.ts';

/** A verb on a resource, and where. */
export type Grant = Omit<Permission, 'feature' | 'when'>;

/** As roles of `rbac.authorization.k8s.io/v1` have it. */
export interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  resourceNames?: string[];
  verbs: string[];
}

/** One rule for all verbs on the same resource, and on the same objects of it; in the order of their first verb. */
export function rulesOf(grants: readonly Grant[]): PolicyRule[] {
  const rules = new Map<string, PolicyRule>();
  for (const { group, resource, resourceName, verb } of grants) {
    const about = JSON.stringify([group, resource, resourceName]);
    const rule = rules.get(about);
    if (rule === undefined) {
      rules.set(about, {
        apiGroups: [group],
        resources: [resource],
        ...(resourceName !== undefined && { resourceNames: [resourceName] }),
        verbs: [verb],
      });
    } else if (!rule.verbs.includes(verb)) rule.verbs.push(verb);
  }
  return [...rules.values()];
}
