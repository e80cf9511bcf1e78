import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { pathOf } from '../../../src/kubernetes/resource-paths.ts';
import { aKey } from '../../support/manifests.ts';
import { Caller, type CallerAnswer, type CallerRequest } from './caller.ts';
import { makeCertificate } from './certificate.ts';
import { imageName, IMAGES } from './images.ts';
import { Kube } from './kube.ts';
import { kubectl } from './kubectl.ts';
import { applyOverlay } from './kustomize.ts';

const run = promisify(execFile);
const CHART = fileURLToPath(new URL('../../../charts/vestibule', import.meta.url));
const HELM_TIMEOUT_MS = 300_000;
/** For templates, which are made without asking the cluster. */
const KUBE_VERSION = 'v1.30.0';
/** Of the ingress controller, from a pod. */
const INGRESS_ADDRESS = process.env['INGRESS_ADDRESS'] ?? '10.244.0.1';
const INGRESS_CLASS = process.env['INGRESS_CLASS'] ?? 'test';

export const PROJECT = 'proj_installed';
export const RELEASE = 'voice';
export const FULL_NAME = 'voice-vestibule';

/** A namespace with all that a release needs beside it, and a pod that calls it through the ingress. */
export class Installation {
  readonly kube: Kube;
  readonly namespace: string;
  readonly keyNamespace: string;
  readonly host: string;
  readonly caller: Caller;
  readonly #folder: string;
  /** Of the ingress. */
  #certificate = '';

  private constructor(kube: Kube, namespace: string, folder: string) {
    this.kube = kube;
    this.namespace = namespace;
    this.keyNamespace = `${namespace}-keys`;
    this.host = `${namespace}.example.com`;
    this.caller = new Caller(namespace);
    this.#folder = folder;
  }

  static async prepare(prefix: string): Promise<Installation> {
    const kube = new Kube();
    const namespace = await kube.createNamespace(prefix);
    const folder = await mkdtemp(join(tmpdir(), 'vestibule-release-'));
    const installation = new Installation(kube, namespace, folder);
    try {
      await installation.#surround();
      return installation;
    } catch (error) {
      await installation.close();
      throw error;
    }
  }

  /** What has to be there before a release. */
  async #surround(): Promise<void> {
    this.#certificate = await this.#makeCertificate();
    await this.surroundAnew();
  }

  /** The same in a namespace that was lost and made again, with what Secrets there are; the database is empty. */
  async surroundAnew(): Promise<void> {
    const { namespace, host, caller } = this;
    const certificate = this.#certificate;
    await applyOverlay({ base: 'k8s/demo/backing', namespace, images: { ...IMAGES } });
    await caller.start({ image: IMAGES.vestibule, address: INGRESS_ADDRESS, host, certificate });
    await kubectl('-n', namespace, 'rollout', 'status', 'statefulset/postgres', '--timeout=120s');
    await kubectl('-n', namespace, 'rollout', 'status', 'deployment/simulator', '--timeout=120s');
  }

  /** `helm install` or `helm upgrade`, until all pods are ready. */
  async helm(verb: 'install' | 'upgrade', values: Record<string, unknown> = {}): Promise<void> {
    const file = await this.#writeValues(values);
    await this.runHelm(verb, RELEASE, CHART, '--values', file, '--wait', '--timeout', '240s');
  }

  /** What one of the chart's templates makes of these values, as YAML. */
  async rendered(template: string, values: Record<string, unknown>): Promise<string> {
    const file = await this.#writeValues(values);
    const which = ['--show-only', template, '--kube-version', KUBE_VERSION];
    return this.runHelm('template', RELEASE, CHART, '--values', file, ...which);
  }

  async runHelm(...args: string[]): Promise<string> {
    const { stdout } = await run('helm', ['--namespace', this.namespace, ...args], {
      timeout: HELM_TIMEOUT_MS,
    });
    return stdout;
  }

  /** Deposits a key by the API, from inside. */
  async depositKey(projectId = PROJECT, key = aKey()): Promise<void> {
    const { status, text } = await this.askAdmin({
      method: 'POST',
      path: '/projects/key',
      body: { project_id: projectId, openai_key: key },
    });
    if (status !== 201) throw new Error(`${status}: ${text}`);
  }

  /** Asks as an admin, from inside. */
  async askAdmin(request: CallerRequest): Promise<CallerAnswer> {
    const headers = { ...request.headers, 'x-admin-api-key': await this.adminKey() };
    return this.caller.askInside(`http://${FULL_NAME}`, { ...request, headers });
  }

  adminKey(): Promise<string> {
    return this.secret('admin-key');
  }

  /** An entry of the Secret of what is beside a release. */
  async secret(entry: string): Promise<string> {
    const secret = await this.kube.cluster.find(pathOf('/api/v1', this.namespace, 'secrets', 'demo'));
    const { data } = secret as unknown as { data: Record<string, string> };
    return Buffer.from(data[entry] ?? '', 'base64').toString('utf8');
  }

  /** The names of all objects of some kinds that the release left, in both namespaces. */
  async left(kinds: string): Promise<string[]> {
    const selector = `app.kubernetes.io/instance=${RELEASE}`;
    const lists = [this.namespace, this.keyNamespace].map((namespace) =>
      kubectl('-n', namespace, 'get', kinds, '-l', selector, '-o', 'name'),
    );
    return (await Promise.all(lists)).flatMap((names) => names.split('\n').filter(Boolean));
  }

  async close(): Promise<void> {
    try {
      await this.runHelm('uninstall', RELEASE, '--ignore-not-found', '--wait', '--timeout', '120s');
    } finally {
      await kubectl('delete', 'namespace', this.keyNamespace, '--ignore-not-found', '--wait=false');
      await this.kube.close();
      await rm(this.#folder, { recursive: true });
    }
  }

  async #writeValues(values: Record<string, unknown>): Promise<string> {
    const file = join(this.#folder, 'values.json');
    await writeFile(file, JSON.stringify({ ...this.#values(), ...values }));
    return file;
  }

  #values(): Record<string, unknown> {
    return {
      image: imageName(IMAGES.vestibule),
      database: {
        secret: { name: 'demo', key: 'database-url' },
        migrationSecret: { name: 'demo', key: 'migration-url' },
      },
      admin: { secret: { name: 'demo', key: 'admin-key' } },
      jwt: { secret: { name: 'demo', key: 'jwt-secret' } },
      // The cluster's, which all suites share.
      crds: { install: false },
      providerUrls: ['http://simulator/v1'],
      trustProxy: ['10.0.0.0/8'],
      addressLimit: 'off',
      ingress: { enabled: true, className: INGRESS_CLASS, host: this.host, tlsSecret: 'certificate' },
      resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '384Mi' } },
      drain: { delaySeconds: 5 },
    };
  }

  /** Made with the host's name, for the ingress; returns the certificate. */
  async #makeCertificate(): Promise<string> {
    await makeCertificate(this.#folder, 'tls', this.host);
    const [key, certificate] = [join(this.#folder, 'tls.key'), join(this.#folder, 'tls.crt')];
    await kubectl(
      '-n',
      this.namespace,
      'create',
      'secret',
      'tls',
      'certificate',
      '--key',
      key,
      '--cert',
      certificate,
    );
    return readFile(certificate, 'utf8');
  }
}
