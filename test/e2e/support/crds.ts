import {
  KubeConfig,
  KubernetesObjectApi,
  loadYaml,
  type KubernetesObject,
  PatchStrategy,
} from '@kubernetes/client-node';
import { readdirSync, readFileSync } from 'node:fs';
import { until } from '../../support/until.ts';

/** As kubectl calls itself, so that a later `kubectl apply --server-side` finds no other owner. */
const FIELD_MANAGER = 'kubectl';
const CRDS = new URL('../../../k8s/crds/', import.meta.url);

type Definition = KubernetesObject & { status?: { conditions?: { type: string; status: string }[] } };

/** Installs or updates what is in k8s/crds; resolves once the API server serves it. Nobody takes it away: it is shared. */
export async function installCrds(): Promise<void> {
  if (!process.env['KUBECONFIG']) throw new Error('KUBECONFIG has to name a cluster that may be changed');
  const config = new KubeConfig();
  config.loadFromDefault();
  const objects = KubernetesObjectApi.makeApiClient(config);
  for (const file of readdirSync(CRDS).filter((name) => name !== 'kustomization.yaml')) {
    await install(objects, loadYaml<KubernetesObject>(readFileSync(new URL(file, CRDS), 'utf8')));
  }
}

async function install(objects: KubernetesObjectApi, definition: KubernetesObject): Promise<void> {
  const { apiVersion = '', kind = '', metadata: { name = '' } = {} } = definition;
  await objects.patch(definition, undefined, undefined, FIELD_MANAGER, true, PatchStrategy.ServerSideApply);
  await until(`${name} is served`, async () => {
    const { status } = await objects.read<Definition>({ apiVersion, kind, metadata: { name } });
    return status?.conditions?.some(
      (condition) => condition.type === 'Established' && condition.status === 'True',
    );
  });
}
