import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { kubectl } from './kubectl.ts';

const NAME = 'caller';
const fileAt = (name: string): string => readFileSync(new URL(`./caller/${name}`, import.meta.url), 'utf8');

/** A script as the pod's `node -e` takes it, which has no file beside it to import. */
export function scriptAt(name: string): string {
  const shared = Buffer.from(fileAt('ingress.mjs'), 'utf8').toString('base64');
  return fileAt(name).replace('./ingress.mjs', `data:text/javascript;base64,${shared}`);
}

export interface CallerRequest {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: unknown;
}

export interface CallerAnswer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

/** A request that was not answered as it should be; times in unix milliseconds. */
export interface Failure {
  step: 'open' | 'release';
  at: number;
  ended: number;
  /** 0: none. */
  status: number;
  retryAfter?: string;
  text: string;
}

/** A pod that calls the service, through the ingress as the world does, or from inside. */
export class Caller {
  readonly #namespace: string;

  constructor(namespace: string) {
    this.#namespace = namespace;
  }

  async start(options: { image: string; address: string; host: string; certificate: string }): Promise<void> {
    const env = {
      INGRESS_ADDRESS: options.address,
      INGRESS_HOST: options.host,
      INGRESS_CA: options.certificate,
    };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: NAME },
      spec: {
        automountServiceAccountToken: false,
        enableServiceLinks: false,
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: NAME,
            image: options.image,
            command: ['node', '-e', 'setInterval(() => undefined, 1 << 30)'],
            resources: { requests: { cpu: '200m', memory: '64Mi' } },
            env: Object.entries(env).map(([name, value]) => ({ name, value })),
          },
        ],
      },
    };
    await kubectl(
      '-n',
      this.#namespace,
      'run',
      NAME,
      '--image',
      options.image,
      '--overrides',
      JSON.stringify(pod),
    );
    await kubectl('-n', this.#namespace, 'wait', `pod/${NAME}`, '--for=condition=Ready', '--timeout=60s');
  }

  async ask(request: CallerRequest): Promise<CallerAnswer> {
    const argument = JSON.stringify(request);
    const printed = await this.#node('--input-type=module', '-e', scriptAt('ask.mjs'), '--', argument);
    return JSON.parse(printed) as CallerAnswer;
  }

  /** Not through the ingress. */
  async askInside(
    base: string,
    { method = 'GET', path, headers, body }: CallerRequest,
  ): Promise<CallerAnswer> {
    const init = {
      method,
      headers: { 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
    const script = `const answer = await fetch(${JSON.stringify(base + path)}, ${JSON.stringify(init)});
      console.log(JSON.stringify({ status: answer.status, headers: Object.fromEntries(answer.headers), text: await answer.text() }));`;
    return JSON.parse(await this.#node('--input-type=module', '-e', script)) as CallerAnswer;
  }

  /** Sessions opened and released at a constant pace, from now on. */
  async load(projectId: string, perSecond: number): Promise<CallerLoad> {
    const argument = JSON.stringify({ projectId, perSecond });
    const script = scriptAt('load.mjs');
    const args = ['--input-type=module', '-e', script, '--', argument];
    const process = spawn('kubectl', ['-n', this.#namespace, 'exec', '-i', NAME, '--', 'node', ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    return CallerLoad.begin(process);
  }

  #node(...args: string[]): Promise<string> {
    return kubectl('-n', this.#namespace, 'exec', NAME, '--', 'node', ...args);
  }
}

export class CallerLoad implements AsyncDisposable {
  readonly failures: Failure[] = [];
  opened = 0;
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(process: ChildProcess, started: () => void) {
    this.#process = process;
    this.#ended = this.#read(started);
  }

  static async begin(process: ChildProcess): Promise<CallerLoad> {
    let load: CallerLoad | undefined;
    await new Promise<void>((resolve, reject) => {
      load = new CallerLoad(process, resolve);
      load.#ended.then(() => {
        reject(new Error('the load ended before it began'));
      }, reject);
    });
    return load!;
  }

  /** Stops it also where a test fails. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Resolves once what was begun is answered. */
  async stop(): Promise<void> {
    this.#process.stdin?.end();
    await this.#ended;
  }

  async #read(started: () => void): Promise<void> {
    const exited = once(this.#process, 'exit');
    let summary: { opened: number; failed: number } | undefined;
    for await (const line of createInterface(this.#process.stdout!)) {
      const told = JSON.parse(line) as Failure & { started?: number; opened?: number; failed: number };
      if (told.started !== undefined) started();
      else if (told.opened === undefined) this.failures.push(told);
      else summary = { opened: told.opened, failed: told.failed };
    }
    await exited;
    if (summary?.failed !== this.failures.length) throw new Error('the load did not end as it should');
    this.opened = summary.opened;
  }
}
