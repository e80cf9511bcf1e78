import { type LaunchedService, launchService } from '../support/service-process.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { type Belongings, signalled } from './belongings.ts';

const SKEWED_CLOCK = new URL('./skewed-clock.ts', import.meta.url).pathname;
/** On two busy cores, with a database that says nothing at first. */
const START_TIMEOUT_MS = 60_000;
const ASK_TIMEOUT_MS = 2_000;
/** Of the log: defects, and a count of slots that was found to be wrong. */
const DEFECT = /"level":"(error|fatal)"|slots were counted anew/;
const KEPT_LINES = 100;

export interface ReplicaOptions {
  index: number;
  environment: (databasePort: number) => Record<string, string>;
  databasePort: () => number;
  /** How wrong its clock is. */
  skewMs: number;
  belongings: Belongings;
  /** Called when it ends although nobody killed it, and for what it should never have to say. */
  onDefect: (what: string) => void;
}

/** One of several service processes, behind a way for its clients and with a way of its own to the database. */
export class Replica {
  readonly index: number;
  readonly clients: TcpProxy;
  readonly database: TcpProxy;
  readonly #options: ReplicaOptions;
  #service: LaunchedService | undefined;
  #urls: { url: string; opsUrl: string } | undefined;
  #ending = false;
  #killed = false;
  #exited: Promise<unknown> = Promise.resolve();

  private constructor(options: ReplicaOptions, clients: TcpProxy, database: TcpProxy) {
    this.index = options.index;
    this.#options = options;
    this.clients = clients;
    this.database = database;
  }

  static async start(options: ReplicaOptions): Promise<Replica> {
    const database = await TcpProxy.start(() => ({ host: '127.0.0.1', port: options.databasePort() }));
    const clients: TcpProxy = await TcpProxy.start(() => replica.#endpoint());
    const replica = new Replica(options, clients, database);
    options.belongings.add(() => replica.#end());
    replica.#launch();
    return replica;
  }

  /** Where its clients reach it; the same for all its processes. */
  get url(): string {
    return `http://127.0.0.1:${this.clients.port}`;
  }

  /** Whether its process has come as far as to listen. */
  get serves(): boolean {
    return this.#urls !== undefined;
  }

  get lastLines(): string[] {
    return this.#service?.output ?? [];
  }

  async isReady(): Promise<boolean> {
    if (this.#urls === undefined) return false;
    const signal = AbortSignal.timeout(ASK_TIMEOUT_MS);
    const answer = await fetch(`${this.#urls.opsUrl}/readyz`, { signal }).catch(() => undefined);
    return answer?.ok === true;
  }

  /** False while there is no process that was not killed already. */
  kill(): boolean {
    if (this.#killed) return false;
    this.#urls = undefined;
    this.#killed = true;
    this.#service?.kill('SIGKILL');
    return true;
  }

  /** Freezes the process that runs now; returns what thaws that one. */
  freeze(): () => void {
    const pid = this.#service?.pid ?? 0;
    signalled(pid, 'SIGSTOP');
    return () => signalled(pid, 'SIGCONT');
  }

  #endpoint(): { host: string; port: number } | undefined {
    return this.#urls && { host: '127.0.0.1', port: Number(new URL(this.#urls.url).port) };
  }

  #launch(): void {
    const { environment, skewMs, belongings } = this.#options;
    const service = launchService(
      {
        ...environment(this.database.port),
        NODE_OPTIONS: `--import=${SKEWED_CLOCK} --disable-warning=ExperimentalWarning`,
        CLOCK_SKEW_MS: String(skewMs),
      },
      {
        timeoutMs: START_TIMEOUT_MS,
        keptLines: KEPT_LINES,
        onLine: (line) => {
          if (DEFECT.test(line)) this.#options.onDefect(`replica ${this.index} says ${line.slice(0, 2_000)}`);
        },
      },
    );
    this.#service = service;
    this.#killed = false;
    const forget = belongings.atExit(() => {
      service.kill('SIGKILL');
    });
    service.serving.then(
      (urls) => {
        if (this.#service === service && !this.#killed) this.#urls = urls;
      },
      () => {
        // Its exit is looked at below; one that hangs is ended there, too.
        if (!this.#killed) service.kill('SIGKILL');
      },
    );
    this.#exited = service.exited.then((code) => {
      forget();
      this.#urls = undefined;
      if (this.#ending) return;
      if (!this.#killed) this.#tellOwnEnd(service, code);
      this.#launch();
    });
  }

  #tellOwnEnd({ output }: LaunchedService, code: number | null): void {
    this.#options.onDefect(
      `replica ${this.index} ended by itself (${code}): ${output.slice(-5).join(' | ').slice(0, 2_000)}`,
    );
  }

  async #end(): Promise<void> {
    this.#ending = true;
    const service = this.#service;
    if (service !== undefined) {
      signalled(service.pid, 'SIGCONT');
      service.kill('SIGKILL');
    }
    await this.#exited;
    await this.clients.stop();
    await this.database.stop();
  }
}
