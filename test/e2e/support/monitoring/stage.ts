import { pathOf, VESTIBULE_API } from '../../../../src/kubernetes/resource-paths.ts';
import { aClient, aKey, aProject } from '../../../support/manifests.ts';
import { until } from '../../../support/until.ts';
import type { CallerAnswer, CallerRequest } from '../caller.ts';
import { FULL_NAME, Installation, PROJECT } from '../installation.ts';
import { kubectl } from '../kubectl.ts';
import { PROXY_SERVICE, RELEASE_LABELS, startApiServerProxy } from './extra-pods.ts';
import { installMonitoring } from './prometheus-pod.ts';
import { monitoringOf } from './scrape-config.ts';

export const INSIDE = `http://${FULL_NAME}`;
export const DEPLOYMENT = `deployment/${FULL_NAME}`;
export const PROVIDER_URL = 'http://simulator/v1';
/** From one address in a minute: twice what ordinary callers ask, whom the ingress may make one. */
const ADDRESS_LIMIT = 2_400;
const KNOWN_MS = 60_000;

/** Each for a fault of its own; `PROJECT` is for ordinary callers. */
export const OF = {
  rejected: 'proj_rejected',
  missing: 'proj_missing',
  quota: 'proj_quota',
  full: 'proj_full',
  limited: 'proj_limited',
  damaged: 'proj_damaged',
} as const;
export const CLIENT = 'acme';
const CAP = 1_000;

/** What replicas are started with beside the installation's own values. */
export const VALUES = {
  addressLimit: `${ADDRESS_LIMIT}/60`,
  audit: { file: '/audit/$(POD_NAME).jsonl' },
  extraEnv: [
    { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
    { name: 'KUBERNETES_SERVICE_HOST', value: PROXY_SERVICE },
    { name: 'KUBERNETES_SERVICE_PORT', value: '443' },
  ],
  extraVolumes: [{ name: 'audit', emptyDir: { medium: 'Memory', sizeLimit: '64Mi' } }],
  extraVolumeMounts: [{ name: 'audit', mountPath: '/audit' }],
  // Prometheus and callers are in the release's own namespace, and so is the way to the API server.
  networkPolicy: { enabled: false },
  resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { cpu: '2', memory: '512Mi' } },
};
const MONITORING = {
  monitoring: { serviceMonitor: { enabled: true }, rules: { enabled: true }, dashboards: { enabled: true } },
};

/** An installation with everything that faults need, and nothing wrong with it. */
export class Stage {
  readonly installation: Installation;
  /** By project. */
  readonly keys = new Map<string, string>();

  private constructor(installation: Installation) {
    this.installation = installation;
  }

  static async prepare(): Promise<Stage> {
    const installation = await Installation.prepare('alerts');
    const stage = new Stage(installation);
    try {
      await startApiServerProxy(installation.namespace);
      await installation.helm('install', VALUES);
      const rendered = await installation.rendered('templates/monitoring.yaml', { ...VALUES, ...MONITORING });
      await installMonitoring(installation.namespace, monitoringOf(rendered));
      await stage.#configure();
      return stage;
    } catch (error) {
      await installation.close();
      throw error;
    }
  }

  async #configure(): Promise<void> {
    for (const id of [PROJECT, ...Object.values(OF)]) {
      await this.putKey(id);
      await this.putProject(id);
    }
    await this.#put('clients', aClient(CLIENT, OF.missing));
    for (const id of [PROJECT, ...Object.values(OF)]) {
      await until(`${id} opens sessions`, async () => (await this.open(id)).status === 200, KNOWN_MS, 200);
    }
  }

  async putProject(id: string, spec: Record<string, unknown> = {}): Promise<void> {
    const session = { maxConcurrent: CAP };
    await this.#put('projects', aProject(PROVIDER_URL, id, { session, ...spec }));
  }

  async #put(plural: string, manifest: Record<string, unknown>): Promise<void> {
    const path = pathOf(VESTIBULE_API, this.installation.namespace, plural);
    await this.installation.kube.put(path, manifest as { metadata: { name: string } });
  }

  async removeProject(id: string): Promise<void> {
    const { kube, namespace } = this.installation;
    await kube.remove(pathOf(VESTIBULE_API, namespace, 'projects', nameOf(id)));
  }

  /** The same as before where there was one. */
  async putKey(id: string): Promise<void> {
    const key = this.keys.get(id) ?? aKey();
    this.keys.set(id, key);
    const { kube, keyNamespace } = this.installation;
    await kube.putSecret(keyNamespace, `${nameOf(id)}-key`, { apiKey: key });
  }

  async removeKey(id: string): Promise<void> {
    const { kube, keyNamespace } = this.installation;
    await kube.remove(pathOf('/api/v1', keyNamespace, 'secrets', `${nameOf(id)}-key`));
  }

  /** Of the release's namespace. */
  kubectl(...args: string[]): Promise<string> {
    return kubectl('-n', this.installation.namespace, ...args);
  }

  async rolledOut(): Promise<void> {
    await this.kubectl('rollout', 'status', DEPLOYMENT, '--timeout=120s');
  }

  /** Past the ingress. */
  ask(request: CallerRequest): Promise<CallerAnswer> {
    return this.installation.caller.askInside(INSIDE, request);
  }

  open(projectId: string, headers: Record<string, string> = {}): Promise<CallerAnswer> {
    return this.ask({ method: 'POST', path: '/session', headers, body: { project_id: projectId } });
  }

  async simulator(method: 'POST' | 'DELETE', control: string, body?: unknown): Promise<void> {
    const request = { method, path: `/__simulator/${control}`, ...(body !== undefined && { body }) };
    const { status, text } = await this.installation.caller.askInside('http://simulator', request);
    if (status !== 204) throw new Error(`${status}: ${text}`);
  }

  /** As the owner of the server and all that is in it. */
  sql(statements: string, database = 'vestibule'): Promise<string> {
    const psql = ['psql', '-At', '-v', 'ON_ERROR_STOP=1', '-U', 'vestibule_owner', '-d', database];
    return this.kubectl('exec', 'postgres-0', '--', ...psql, '-c', statements);
  }

  /** Of the release, without those that only look like them. */
  async servers(): Promise<{ name: string; ip: string }[]> {
    const selector = Object.entries(RELEASE_LABELS).map(([label, value]) => `${label}=${value}`);
    const list = await this.kubectl(
      'get',
      'pods',
      '-l',
      `${selector.join(',')},pod-template-hash`,
      '-o',
      'json',
    );
    const { items } = JSON.parse(list) as {
      items: { metadata: { name: string; deletionTimestamp?: string }; status: { podIP?: string } }[];
    };
    return items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata, status }) => ({ name: metadata.name, ip: status.podIP ?? '' }));
  }

  /** Of one replica, past the Service. */
  async baseOfOne(): Promise<string> {
    const [first] = await this.servers();
    return `http://${first!.ip}:3000`;
  }

  close(): Promise<void> {
    return this.installation.close();
  }
}

function nameOf(projectId: string): string {
  return projectId.replaceAll('_', '-');
}
