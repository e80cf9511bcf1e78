import { pino } from 'pino';
import { SystemClock } from '../../src/common/clock.ts';
import { CORE_API, pathOf, SEALED_SECRETS_API } from '../../src/kubernetes/resource-paths.ts';
import { KubernetesVault } from '../../src/vault/kubernetes-vault.ts';
import { CertificateSource } from '../../src/vault/sealing/certificate-source.ts';
import { vaultContract, type VaultUnderTest } from '../contract/vault.contract.ts';
import { Kube } from './support/kube.ts';

const CONTROLLER = { namespace: 'kube-system', name: 'sealed-secrets-controller' };

async function makeAdapter(): Promise<VaultUnderTest> {
  const kube = new Kube();
  const namespace = await kube.createNamespace('vault');
  const clock = new SystemClock();
  const certificates = new CertificateSource(kube.cluster, { service: CONTROLLER, file: undefined }, clock);
  const vault = new KubernetesVault(
    kube.cluster,
    { namespace, certificates },
    clock,
    pino({ level: 'silent' }),
  );
  await vault.start();
  await vault.loaded;
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
