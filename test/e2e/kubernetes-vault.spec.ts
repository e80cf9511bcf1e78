import { CORE_API, pathOf, SEALED_SECRETS_API } from '../../src/kubernetes/resource-paths.ts';
import { vaultContract, type VaultUnderTest } from '../contract/vault.contract.ts';
import { Kube } from './support/kube.ts';
import { startVault } from './support/vault.ts';

async function makeAdapter(): Promise<VaultUnderTest> {
  const kube = new Kube();
  const namespace = await kube.createNamespace('vault');
  const vault = await startVault(kube.cluster, namespace);
  const secrets = pathOf(CORE_API, namespace, 'secrets');
  return {
    vault,
    writeOutside: (name, entries) => kube.putSecret(namespace, name, entries),
    removeOutside: async (name) => {
      await kube.remove(`${pathOf(SEALED_SECRETS_API, namespace, 'sealedsecrets')}/${name}`);
      await kube.remove(`${secrets}/${name}`);
    },
    corruptOutside: ({ name, key }) => kube.putSecret(namespace, name, { [key]: 'no key' }),
    sourceOf: (name) => `Secret/${name}`,
    close: async () => {
      vault.stop();
      await kube.close();
    },
  };
}

vaultContract('sealed-secrets', makeAdapter);
