import { IMAGES } from '../images.ts';
import { FULL_NAME, type Installation, RELEASE } from '../installation.ts';
import { kubectl } from '../kubectl.ts';
import { applied } from './objects.ts';

const OPS_PORT = 9464;
const API_PORT = 443;
const PROXY_PORT = 6443;
export const PROXY = 'api-server-proxy';
/** The API server's certificate has this name wherever there is one. In this namespace it leads to the proxy. */
export const PROXY_SERVICE = 'kubernetes';

/** Bytes there and back. */
const PROXY_SCRIPT = `
const { connect, createServer } = require('node:net');
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
createServer((from) => {
  const to = connect(Number(port), host);
  from.pipe(to).pipe(from);
  from.on('error', () => to.destroy());
  to.on('error', () => from.destroy());
}).listen(${PROXY_PORT});`;
const LIAR_SCRIPT = `
require('node:http').createServer((_request, response) => {
  response.setHeader('content-type', 'text/plain; version=0.0.4');
  response.end(process.env.LIE);
}).listen(${OPS_PORT});`;

const SAFE = {
  securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
  automountServiceAccountToken: false,
  enableServiceLinks: false,
  terminationGracePeriodSeconds: 1,
};
const running = (name: string, script: string, more: Record<string, unknown>): Record<string, unknown> => ({
  name,
  image: IMAGES.vestibule,
  command: ['node', '-e', script],
  resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '128Mi' } },
  securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  ...more,
});

/** Those by which the release's Services find their pods. */
export const RELEASE_LABELS = {
  'app.kubernetes.io/name': 'vestibule',
  'app.kubernetes.io/instance': RELEASE,
  'app.kubernetes.io/component': 'server',
};

/** What stands between the release and the API server, and can be taken away. */
export async function startApiServerProxy(namespace: string): Promise<void> {
  const labels = { app: PROXY };
  await applied(namespace, [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: PROXY_SERVICE },
      spec: { selector: labels, ports: [{ port: API_PORT, targetPort: PROXY_PORT }] },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: PROXY },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { ...SAFE, containers: [running('proxy', PROXY_SCRIPT, {})] },
        },
      },
    },
  ]);
  await kubectl('-n', namespace, 'rollout', 'status', `deployment/${PROXY}`, '--timeout=60s');
}

/** Looks like a replica to Prometheus, and shows these metrics; nobody's requests come to it. */
export async function startLiar(namespace: string, metrics: readonly string[]): Promise<void> {
  const container = running('vestibule', LIAR_SCRIPT, {
    env: [{ name: 'LIE', value: `${metrics.join('\n')}\n` }],
    ports: [{ name: 'ops', containerPort: OPS_PORT }],
  });
  await applied(namespace, [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'liar', labels: RELEASE_LABELS },
      spec: { ...SAFE, containers: [container] },
    },
  ]);
}

interface PodTemplate {
  spec: { containers: Record<string, unknown>[] };
}

/** A replica like the release's, but of this database; nobody's requests come to it. */
export async function startStray(
  { namespace, kube }: Installation,
  name: string,
  database: string,
): Promise<void> {
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${FULL_NAME}`;
  const deployment = await kube.cluster.find(path);
  const { template } = (deployment as unknown as { spec: { template: PodTemplate } }).spec;
  const [container = {}] = template.spec.containers;
  const env = (container['env'] as { name: string }[]).filter((one) => one.name !== 'DATABASE_URL_FILE');
  const ops = { name: 'ops', containerPort: OPS_PORT };
  await applied(namespace, [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, labels: RELEASE_LABELS },
      spec: {
        ...template.spec,
        terminationGracePeriodSeconds: 1,
        containers: [
          { ...container, ports: [ops], env: [...env, { name: 'DATABASE_URL', value: database }] },
        ],
      },
    },
  ]);
  await kubectl('-n', namespace, 'wait', `pod/${name}`, '--for=condition=Ready', '--timeout=60s');
}
