import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { TcpProxy, type Trouble } from '../../support/tcp-proxy.ts';

interface KubeconfigFile {
  clusters: { name: string; cluster: { server: string; 'tls-server-name'?: string } }[];
}

/** Stands between services and the API server, and can take it away from them. */
export class ApiServerProxy {
  readonly kubeconfig: string;
  readonly #proxy: TcpProxy;
  readonly #folder: string;
  #lift: () => void = () => undefined;
  #silent = false;

  private constructor(proxy: TcpProxy, kubeconfig: string, folder: string) {
    this.#proxy = proxy;
    this.kubeconfig = kubeconfig;
    this.#folder = folder;
  }

  /** For services that use this kubeconfig: give them that of the proxy instead. */
  static async start(kubeconfig: string): Promise<ApiServerProxy> {
    const file = parse(readFileSync(kubeconfig, 'utf8')) as KubeconfigFile;
    const [first] = file.clusters;
    if (first === undefined) throw new Error('the kubeconfig has no cluster');
    const { hostname, port } = new URL(first.cluster.server);
    const proxy = await TcpProxy.start(() => ({ host: hostname, port: Number(port || 443) }));
    first.cluster.server = `https://127.0.0.1:${proxy.port}`;
    // An address needs no name: it stays this machine's.
    if (!isIP(hostname)) first.cluster['tls-server-name'] ??= hostname;
    const folder = mkdtempSync(join(tmpdir(), 'vestibule-e2e-'));
    const path = join(folder, 'kubeconfig');
    writeFileSync(path, stringify(file), { mode: 0o600 });
    return new ApiServerProxy(proxy, path, folder);
  }

  /** Connections break, and new ones are refused a word. */
  takeAway(): void {
    this.#impose({ kind: 'refuse' });
  }

  /** Connections stay, and nothing comes through. */
  silence(): void {
    this.#impose({ kind: 'silence' });
    this.#silent = true;
  }

  /** What was silent stays so, as on a network that forgot its connections; new ones come through. */
  bringBack(): void {
    if (this.#silent) this.#proxy.forget();
    this.#silent = false;
    this.#lift();
  }

  /** Ends the connections that there are. */
  drop(): void {
    this.#proxy.reset();
  }

  async stop(): Promise<void> {
    await this.#proxy.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #impose(trouble: Trouble): void {
    this.#lift();
    this.#lift = this.#proxy.impose(trouble);
  }
}
