import { readFileSync } from 'node:fs';
import { PrometheusApi } from '../../../monitoring/prometheus-api.ts';
import { ask } from '../../../support/ask.ts';
import { until } from '../../../support/until.ts';
import { timeLapsedGroups } from '../../../monitoring/time-lapse.ts';
import { IMAGES } from '../images.ts';
import { type Forward, forward, kubectl } from '../kubectl.ts';
import { applied } from './objects.ts';
import { type Monitoring, scrapeConfigs } from './scrape-config.ts';

/** How many times faster than the rules' a day passes: usually, and where an answer to Prometheus takes long. */
export const FACTOR = 60;
export const PATIENT_FACTOR = 12;
/** Between two scrapes of the rules' world, and how long each may take. */
const INTERVAL_S = 60;
/** For which figures that are not scraped any more still hold. */
const LOOKBACK_S = 300;
const ACCOUNT = 'prometheus';
const PORT = 9090;
const DISCOVERY_PORT = 9091;
const DISCOVERY = readFileSync(new URL('./discovery.mjs', import.meta.url), 'utf8');
const READY_MS = 60_000;

/** What a Prometheus in this namespace may look at, and what it scrapes and evaluates, for each factor. */
export async function installMonitoring(namespace: string, monitoring: Monitoring): Promise<void> {
  const rbac = 'rbac.authorization.k8s.io';
  await applied(namespace, [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: ACCOUNT } },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'Role',
      metadata: { name: ACCOUNT },
      rules: [{ apiGroups: [''], resources: ['services', 'endpoints', 'pods'], verbs: ['list'] }],
    },
    {
      apiVersion: `${rbac}/v1`,
      kind: 'RoleBinding',
      metadata: { name: ACCOUNT },
      roleRef: { apiGroup: rbac, kind: 'Role', name: ACCOUNT },
      subjects: [{ kind: 'ServiceAccount', name: ACCOUNT }],
    },
    ...[FACTOR, PATIENT_FACTOR].map((factor) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: configurationFor(factor) },
      data: {
        'prometheus.yml': JSON.stringify(configurationOf(monitoring, factor)),
        'rules.yml': JSON.stringify({ groups: timeLapsedGroups(monitoring.groups, factor) }),
      },
    })),
  ]);
}

const configurationFor = (factor: number): string => `${ACCOUNT}-${factor}`;

function configurationOf({ serviceMonitor }: Monitoring, factor: number): Record<string, unknown> {
  const interval = `${INTERVAL_S / factor}s`;
  const discovery = {
    http_sd_configs: [{ url: `http://127.0.0.1:${DISCOVERY_PORT}/`, refresh_interval: '1s' }],
  };
  return {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: '1s' },
    rule_files: ['/etc/prometheus/rules.yml'],
    scrape_configs: scrapeConfigs(serviceMonitor, discovery),
  };
}

/** A Prometheus that remembers nothing, in a pod of its own, until it is disposed of. */
export class PrometheusPod extends PrometheusApi implements AsyncDisposable {
  readonly #namespace: string;
  readonly #name: string;
  readonly #forward: Forward;

  private constructor(namespace: string, name: string, forwarded: Forward) {
    super(forwarded.url);
    this.#namespace = namespace;
    this.#name = name;
    this.#forward = forwarded;
  }

  static async start(namespace: string, name: string, factor: number): Promise<PrometheusPod> {
    await applied(namespace, [podNamed(name, factor)]);
    await kubectl('-n', namespace, 'wait', `pod/${name}`, '--for=condition=Ready', '--timeout=60s');
    const forwarded = await forward(namespace, `pod/${name}`, PORT);
    const isReady = async (): Promise<boolean> => (await ask(`${forwarded.url}/-/ready`)).status === 200;
    await until('Prometheus is ready', isReady, READY_MS, 200);
    return new PrometheusPod(namespace, name, forwarded);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#forward[Symbol.asyncDispose]();
    await kubectl('-n', this.#namespace, 'delete', 'pod', this.#name, '--wait=false');
  }
}

function podNamed(name: string, factor: number): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name },
    spec: {
      serviceAccountName: ACCOUNT,
      enableServiceLinks: false,
      terminationGracePeriodSeconds: 1,
      securityContext: { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'discovery',
          image: IMAGES.vestibule,
          command: ['node', '--input-type=module', '-e', DISCOVERY],
          env: [
            { name: 'NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
            { name: 'DISCOVERY_PORT', value: String(DISCOVERY_PORT) },
          ],
          resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '128Mi' } },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
        },
        {
          name: 'prometheus',
          image: IMAGES.prometheus,
          args: [
            '--config.file=/etc/prometheus/prometheus.yml',
            '--storage.tsdb.path=/data',
            `--web.listen-address=:${PORT}`,
            `--query.lookback-delta=${LOOKBACK_S / factor}s`,
          ],
          ports: [{ name: 'web', containerPort: PORT }],
          readinessProbe: { httpGet: { path: '/-/ready', port: 'web' }, periodSeconds: 1 },
          resources: { requests: { cpu: '50m', memory: '64Mi' }, limits: { memory: '384Mi' } },
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          volumeMounts: [
            { name: 'configuration', mountPath: '/etc/prometheus' },
            { name: 'data', mountPath: '/data' },
          ],
        },
      ],
      volumes: [
        { name: 'configuration', configMap: { name: configurationFor(factor) } },
        { name: 'data', emptyDir: { sizeLimit: '256Mi' } },
      ],
    },
  };
}
