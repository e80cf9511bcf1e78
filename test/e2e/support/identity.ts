import { KubeConfig } from '@kubernetes/client-node';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bindingOf, type Names, roleOf } from '../../../scripts/rbac/manifests.ts';
import type { Grant } from '../../../scripts/rbac/rules.ts';
import { mayDo } from '../../../src/doctor/access-reviews.ts';
import type { Cluster } from '../../../src/kubernetes/cluster.ts';
import { type Permission, permissionsFor } from '../../../src/kubernetes/permissions.ts';
import { CORE_API, pathOf } from '../../../src/kubernetes/resource-paths.ts';
import { until } from '../../support/until.ts';
import { adminConfig, clusterOf, type Kube } from './kube.ts';

const RBAC_API = '/apis/rbac.authorization.k8s.io/v1';
const TOKEN_SECONDS = 3_600;

export interface Namespaces {
  configuration: string;
  keys: string;
}

export interface GrantOptions {
  /** Of PERMISSIONS: what it may not do. */
  without?: readonly Permission[];
  /** What it may do beside. */
  also?: readonly Grant[];
  /** Whether it has the cluster role, too. */
  tokenReview?: boolean;
}

/** A service account with the roles of k8s/rbac, and a kubeconfig with a token of it. */
export interface Identity extends Namespaces {
  account: { name: string; namespace: string };
  kubeconfigPath: string;
  /** As it stands in the kubeconfig. */
  token: string;
  /** Puts other roles in place of those that it has; resolves once the API server goes by them. */
  grant(options?: GrantOptions): Promise<void>;
  remove(): Promise<void>;
}

export async function createIdentity(
  kube: Kube,
  namespaces: Namespaces,
  options: GrantOptions = {},
): Promise<Identity> {
  const account = {
    name: `vestibule-e2e-${randomBytes(4).toString('hex')}`,
    namespace: namespaces.configuration,
  };
  const accounts = pathOf(CORE_API, account.namespace, 'serviceaccounts');
  await kube.create(accounts, { metadata: { name: account.name } });
  const token = await tokenOf(kube, `${accounts}/${account.name}/token`);
  const config = configWith(token);
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-identity-'));
  const kubeconfigPath = join(folder, 'kubeconfig');
  writeFileSync(kubeconfigPath, config.exportConfig(), { mode: 0o600 });
  const roles = new Roles(kube, namespaces, account, clusterOf(config));
  await roles.grant(options);
  return {
    ...namespaces,
    account,
    kubeconfigPath,
    token,
    grant: (next = {}) => roles.grant(next),
    remove: async () => {
      await roles.remove();
      await kube.remove(`${accounts}/${account.name}`);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function tokenOf(kube: Kube, path: string): Promise<string> {
  const { status } = await kube.create(path, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: { expirationSeconds: TOKEN_SECONDS },
  });
  return (status as { token: string }).token;
}

/** The cluster of the tests, as somebody else. */
export function configWith(token: string): KubeConfig {
  const cluster = adminConfig().getCurrentCluster();
  if (cluster === null) throw new Error('KUBECONFIG names no cluster');
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: [cluster],
    users: [{ name: 'identity', token }],
    contexts: [{ name: 'identity', cluster: cluster.name, user: 'identity' }],
    currentContext: 'identity',
  });
  return config;
}

type Where = Permission['where'];
const PLACES: readonly Where[] = ['configuration', 'keys', 'cluster'];

/** The roles of one account, bound to it. */
class Roles {
  readonly #kube: Kube;
  readonly #account: { name: string; namespace: string };
  /** As the account, to see what it may do. */
  readonly #self: Cluster;
  readonly #names: Record<Where, Names>;
  #granted: readonly Grant[] = [];

  constructor(
    kube: Kube,
    { configuration, keys }: Namespaces,
    account: { name: string; namespace: string },
    self: Cluster,
  ) {
    this.#kube = kube;
    this.#account = account;
    this.#self = self;
    // Both can be in one namespace.
    this.#names = {
      configuration: { name: `${account.name}-configuration`, namespace: configuration },
      keys: { name: `${account.name}-keys`, namespace: keys },
      cluster: { name: account.name },
    };
  }

  async grant({ without = [], also = [], tokenReview = false }: GrantOptions): Promise<void> {
    const asked = permissionsFor({ tokenReview: tokenReview ? 'on' : 'off' });
    const grants = [...asked.filter((permission) => !without.includes(permission)), ...also];
    for (const where of PLACES) {
      await this.#put(
        where,
        grants.filter((grant) => grant.where === where),
      );
    }
    const gone = this.#granted.filter((grant) => !grants.includes(grant));
    this.#granted = grants;
    await until('the roles are in force', async () => {
      const [has, had] = await Promise.all([this.#may(grants), this.#may(gone)]);
      return has.every((may) => may) && !had.some((may) => may);
    });
  }

  async remove(): Promise<void> {
    for (const where of PLACES) await this.#remove(where);
    await this.#self.close();
  }

  async #put(where: Where, grants: readonly Grant[]): Promise<void> {
    if (grants.length === 0) {
      await this.#remove(where);
      return;
    }
    const role = roleOf(this.#names[where], grants);
    const { roles, bindings } = this.#paths(where);
    await this.#kube.put(roles, { ...role, metadata: { ...role.metadata } });
    const binding = bindingOf(role, this.#account);
    await this.#kube.put(bindings, { ...binding, metadata: { ...binding.metadata } });
  }

  async #remove(where: Where): Promise<void> {
    const { roles, bindings } = this.#paths(where);
    const { name } = this.#names[where];
    await this.#kube.remove(`${bindings}/${name}`);
    await this.#kube.remove(`${roles}/${name}`);
  }

  #paths(where: Where): { roles: string; bindings: string } {
    const { namespace } = this.#names[where];
    return namespace === undefined
      ? { roles: `${RBAC_API}/clusterroles`, bindings: `${RBAC_API}/clusterrolebindings` }
      : {
          roles: pathOf(RBAC_API, namespace, 'roles'),
          bindings: pathOf(RBAC_API, namespace, 'rolebindings'),
        };
  }

  #may(grants: readonly Grant[]): Promise<boolean[]> {
    return Promise.all(
      grants.map(({ where, group, resource, verb, resourceName }) => {
        const { namespace } = this.#names[where];
        return mayDo(this.#self, {
          group,
          resource,
          verb,
          ...(namespace !== undefined && { namespace }),
          ...(resourceName !== undefined && { resourceName }),
        });
      }),
    );
  }
}
