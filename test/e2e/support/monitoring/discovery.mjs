// Runs beside a Prometheus that cannot ask a cluster itself, as Debian's: tells it by HTTP what there is in this namespace,
// with the labels that Prometheus's own discovery of endpoints gives, as far as anybody here asks for them.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent, request } from 'node:https';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const TIMEOUT_MS = 2_000;
const {
  NAMESPACE,
  DISCOVERY_PORT,
  KUBERNETES_SERVICE_HOST: host,
  KUBERNETES_SERVICE_PORT: port,
} = process.env;
const agent = new Agent({ keepAlive: true, ca: readFileSync(`${ACCOUNT}/ca.crt`) });
const token = readFileSync(`${ACCOUNT}/token`, 'utf8');

function list(plural) {
  return new Promise((resolve, reject) => {
    const path = `/api/v1/namespaces/${NAMESPACE}/${plural}`;
    const headers = { authorization: `Bearer ${token}` };
    const sent = request({ host, port, path, headers, agent, timeout: TIMEOUT_MS });
    sent.on('timeout', () => sent.destroy(new Error('no answer')));
    sent.on('error', reject);
    sent.on('response', (response) => {
      const read = async () => JSON.parse((await response.toArray()).join('')).items;
      if (response.statusCode === 200) read().then(resolve, reject);
      else reject(new Error(`${path}: ${response.statusCode}`));
    });
    sent.end();
  });
}

const byName = (objects) => new Map(objects.map((object) => [object.metadata.name, object]));

function ofLabels({ metadata }) {
  return Object.entries(metadata.labels ?? {}).flatMap(([label, value]) => {
    const name = label.replaceAll(/\W/g, '_');
    return [
      [`__meta_kubernetes_service_label_${name}`, value],
      [`__meta_kubernetes_service_labelpresent_${name}`, 'true'],
    ];
  });
}

function ofPod(pod, number) {
  if (pod === undefined) return [];
  const listens = ({ ports = [] }) => ports.some(({ containerPort }) => containerPort === number);
  return [
    ['__meta_kubernetes_pod_name', pod.metadata.name],
    ['__meta_kubernetes_pod_phase', pod.status.phase],
    ['__meta_kubernetes_pod_container_name', pod.spec.containers.find(listens)?.name ?? ''],
  ];
}

async function targets() {
  const [services, pods, endpoints] = await Promise.all([list('services'), list('pods'), list('endpoints')]);
  const [service, pod] = [byName(services), byName(pods)];
  return endpoints.flatMap(({ metadata, subsets = [] }) =>
    subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) =>
      [...addresses, ...notReadyAddresses].flatMap(({ ip, targetRef }) =>
        ports.map((one) => ({
          targets: [`${ip}:${one.port}`],
          labels: Object.fromEntries([
            ['__meta_kubernetes_namespace', NAMESPACE],
            ['__meta_kubernetes_service_name', metadata.name],
            ['__meta_kubernetes_endpoint_port_name', one.name ?? ''],
            ...(service.has(metadata.name) ? ofLabels(service.get(metadata.name)) : []),
            ...ofPod(pod.get(targetRef?.name), one.port),
          ]),
        })),
      ),
    ),
  );
}

createServer(async (_request, response) => {
  try {
    const found = JSON.stringify(await targets());
    response.writeHead(200, { 'content-type': 'application/json' }).end(found);
  } catch (error) {
    response.writeHead(503).end(String(error));
  }
}).listen(Number(DISCOVERY_PORT), '127.0.0.1');
