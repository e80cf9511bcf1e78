import { CORE_API, pathOf } from '../../../src/kubernetes/resource-paths.ts';
import { Kube } from '../../e2e/support/kube.ts';
import { until } from '../../support/until.ts';

const DEADLINE_MS = 60_000;
const FINALIZER = 'vestibule.dev/test';

export interface PodOptions {
  image: string;
  /** In place of the image's entrypoint. */
  command?: string[];
  args?: string[];
  environment?: Record<string, string>;
  /** Folders that are empty and may be written; the rest may not. */
  writable?: string[];
  /** Run in the container once it is there. */
  afterStart?: string[];
  /** In place of the image's. */
  user?: number;
  /** Is still there when it was deleted, so that one can see how it ended. */
  kept?: boolean;
}

export interface Ended {
  code: number;
  output: string;
}

interface ContainerState {
  running?: object;
  terminated?: { exitCode: number };
  waiting?: { reason: string; message?: string };
}

interface PodStatus {
  podIP?: string;
  containerStatuses?: { state: ContainerState }[];
}

/** Pods of one namespace that admits only what Pod Security calls restricted. */
export class Pods {
  readonly #kube: Kube;
  readonly #namespace: string;
  readonly #kept: string[] = [];
  #started = 0;

  private constructor(kube: Kube, namespace: string) {
    this.#kube = kube;
    this.#namespace = namespace;
  }

  static async create(): Promise<Pods> {
    const kube = new Kube();
    const namespace = await kube.createNamespace('image');
    const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    await kube.patch(`${CORE_API}/namespaces/${namespace}`, { metadata: { labels } });
    await until('the namespace has its service account', () =>
      kube.cluster.find(pathOf(CORE_API, namespace, 'serviceaccounts', 'default')),
    );
    return new Pods(kube, namespace);
  }

  async start(options: PodOptions): Promise<Pod> {
    const name = `pod-${(this.#started += 1)}`;
    const path = pathOf(CORE_API, this.#namespace, 'pods', name);
    await this.#kube.create(pathOf(CORE_API, this.#namespace, 'pods'), podOf(name, options));
    if (options.kept === true) this.#kept.push(path);
    return new Pod(this.#kube, path);
  }

  async run(options: PodOptions): Promise<Ended> {
    return (await this.start(options)).ended();
  }

  async close(): Promise<void> {
    for (const path of this.#kept) await this.#kube.patch(path, { metadata: { finalizers: null } });
    await this.#kube.close();
  }
}

export class Pod {
  readonly #kube: Kube;
  readonly #path: string;

  constructor(kube: Kube, path: string) {
    this.#kube = kube;
    this.#path = path;
  }

  /** Where others reach it, once it has an address. */
  address(): Promise<string> {
    return until('the pod has an address', async () => (await this.#status()).podIP, DEADLINE_MS);
  }

  /** How it ended; what it wrote, unless it was deleted. */
  async ended(): Promise<Ended> {
    const code = await this.exitCode();
    return { code, output: await this.output() };
  }

  exitCode(): Promise<number> {
    return until('the pod ends', async () => exitCodeOf(await this.#status()), DEADLINE_MS);
  }

  output(): Promise<string> {
    return this.#kube.cluster.text(`${this.#path}/log`);
  }

  /** What this finds in its output, once it is there. */
  says(pattern: RegExp): Promise<RegExpExecArray> {
    return until(
      `the pod says ${pattern.source}`,
      async () => isStarted(await this.#status()) && (pattern.exec(await this.output()) ?? false),
      DEADLINE_MS,
    );
  }

  /** SIGTERM, by the kubelet. */
  async delete(): Promise<void> {
    await this.#kube.request({ method: 'DELETE', path: this.#path });
  }

  async #status(): Promise<PodStatus> {
    const pod = await this.#kube.request<{ status: PodStatus }>({ method: 'GET', path: this.#path });
    return pod.status;
  }
}

function stateOf({ containerStatuses }: PodStatus): ContainerState {
  return containerStatuses?.[0]?.state ?? {};
}

/** There is a log. */
function isStarted(status: PodStatus): boolean {
  const { running, terminated } = stateOf(status);
  return running !== undefined || terminated !== undefined;
}

/** Undefined as long as it runs; throws when it will never start. */
function exitCodeOf(status: PodStatus): number | undefined {
  const { terminated, waiting } = stateOf(status);
  if (waiting !== undefined && waiting.reason !== 'ContainerCreating') {
    throw new Error(`the pod does not start: ${waiting.reason} ${waiting.message ?? ''}`);
  }
  return terminated?.exitCode;
}

function podOf(name: string, options: PodOptions): Record<string, unknown> {
  const { image, command, args, environment = {}, writable = [], afterStart, user, kept } = options;
  return {
    metadata: { name, ...(kept && { finalizers: [FINALIZER] }) },
    spec: {
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'only',
          image,
          imagePullPolicy: 'IfNotPresent',
          ...(command && { command }),
          ...(args && { args }),
          env: Object.entries(environment).map(([key, value]) => ({ name: key, value })),
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
            ...(user !== undefined && { runAsUser: user }),
          },
          volumeMounts: writable.map((mountPath, index) => ({ name: `writable-${index}`, mountPath })),
          ...(afterStart && { lifecycle: { postStart: { exec: { command: afterStart } } } }),
        },
      ],
      volumes: writable.map((_path, index) => ({ name: `writable-${index}`, emptyDir: {} })),
    },
  };
}
