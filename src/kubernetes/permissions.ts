import type { Settings } from '../config/load-settings.ts';

/** What the service may do in a cluster: one line a verb. The roles in k8s/ and `doctor` are made of it. */
export interface Permission {
  /** `configuration`: VESTIBULE_NAMESPACE; `keys`: VESTIBULE_KEY_NAMESPACE; `cluster`: everywhere. */
  where: 'configuration' | 'keys' | 'cluster';
  group: string;
  resource: string;
  verb: string;
  /** What does not work without it. */
  feature: string;
  /** The only object that it is for. */
  resourceName?: string;
  /** Only with this setting. */
  when?: 'VESTIBULE_TOKEN_REVIEW=on';
}

/** Where the role is that grants it: generated, from the checkout's root. */
export const ROLE_FILES: Readonly<Record<Permission['where'], string>> = {
  configuration: 'k8s/rbac/configuration.yaml',
  keys: 'k8s/rbac/keys.yaml',
  cluster: 'k8s/rbac/token-review.yaml',
};

/** The Lease of the replica that writes status. */
export const LEASE_NAME = 'vestibule-operator';

type Common = Omit<Permission, 'verb' | 'feature'>;

function permissions(common: Common, features: Record<string, string>): Permission[] {
  return Object.entries(features).map(([verb, feature]) => ({ ...common, verb, feature }));
}

const configuration = { where: 'configuration', group: 'vestibule.dev' } as const;
const keys = { where: 'keys' } as const;
const lease = { where: 'configuration', group: 'coordination.k8s.io', resource: 'leases' } as const;

export const PERMISSIONS: readonly Permission[] = [
  ...permissions(
    { ...configuration, resource: 'projects' },
    {
      list: 'reading Projects',
      watch: 'following Projects as they change',
      create: 'a deposit for a project that no resource configures',
      patch: 'suspending and resuming a project by the API',
    },
  ),
  ...permissions(
    { ...configuration, resource: 'clients' },
    { list: 'reading Clients', watch: 'following Clients as they change' },
  ),
  ...permissions({ ...configuration, resource: 'projects/status' }, { patch: 'the status of Projects' }),
  ...permissions({ ...configuration, resource: 'clients/status' }, { patch: 'the status of Clients' }),
  ...permissions(
    { where: 'configuration', group: '', resource: 'events' },
    { create: 'Events when a condition changes' },
  ),
  ...permissions(
    { ...lease, resourceName: LEASE_NAME },
    {
      get: 'electing the replica that writes status',
      update: 'electing the replica that writes status, after its first term',
    },
  ),
  ...permissions(lease, { create: 'electing the replica that writes status, the first time' }),
  ...permissions(
    { ...keys, group: '', resource: 'secrets' },
    {
      list: 'reading keys',
      watch: 'following keys as they rotate',
      get: 'telling a missing Secret from one without label, and making a project whose Secret’s name is free',
    },
  ),
  ...permissions(
    { ...keys, group: 'bitnami.com', resource: 'sealedsecrets' },
    {
      get: 'depositing and removing keys',
      create: 'depositing the first key of a project',
      patch: 'rotating keys',
      delete: 'removing keys',
      list: '`doctor`: telling which keys were sealed by an old certificate',
    },
  ),
  ...permissions(
    {
      where: 'cluster',
      group: 'authentication.k8s.io',
      resource: 'tokenreviews',
      when: 'VESTIBULE_TOKEN_REVIEW=on',
    },
    { create: 'service accounts as callers, by TokenReview' },
  ),
];

/** Those that a service with these settings asks for. */
export function permissionsFor({ tokenReview }: Pick<Settings, 'tokenReview'>): Permission[] {
  return PERMISSIONS.filter(({ when }) => when === undefined || tokenReview === 'on');
}
