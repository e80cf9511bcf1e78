import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, isIP, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';

interface KubeconfigFile {
  clusters: { name: string; cluster: { server: string; 'tls-server-name'?: string } }[];
}

/** Stands between services and the API server, and can take it away from them. */
export class ApiServerProxy {
  readonly kubeconfig: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #folder: string;
  #mode: 'open' | 'away' | 'silent' = 'open';

  private constructor(server: Server, kubeconfig: string, folder: string) {
    this.#server = server;
    this.kubeconfig = kubeconfig;
    this.#folder = folder;
  }

  /** For services that use this kubeconfig: give them that of the proxy instead. */
  static async start(kubeconfig: string): Promise<ApiServerProxy> {
    const file = parse(readFileSync(kubeconfig, 'utf8')) as KubeconfigFile;
    const [first] = file.clusters;
    if (first === undefined) throw new Error('the kubeconfig has no cluster');
    const { hostname, port } = new URL(first.cluster.server);
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port: own } = server.address() as AddressInfo;
    first.cluster.server = `https://127.0.0.1:${own}`;
    // An address needs no name: it stays this machine's.
    if (!isIP(hostname)) first.cluster['tls-server-name'] ??= hostname;
    const folder = mkdtempSync(join(tmpdir(), 'vestibule-e2e-'));
    const path = join(folder, 'kubeconfig');
    writeFileSync(path, stringify(file), { mode: 0o600 });
    const proxy = new ApiServerProxy(server, path, folder);
    server.on('connection', (socket) => {
      proxy.#pass(socket, connect(Number(port || 443), hostname));
    });
    return proxy;
  }

  /** Connections break, and new ones are refused a word. */
  takeAway(): void {
    this.#mode = 'away';
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Connections stay, and nothing comes through. */
  silence(): void {
    this.#mode = 'silent';
    for (const socket of this.#sockets) socket.pause();
  }

  /** What was silent stays so, as on a network that forgot its connections; new ones come through. */
  bringBack(): void {
    this.#mode = 'open';
  }

  /** Ends the connections that there are. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.drop();
    this.#server.close();
    await once(this.#server, 'close');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #pass(client: Socket, upstream: Socket): void {
    if (this.#mode === 'away') {
      client.destroy();
      upstream.destroy();
      return;
    }
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', (chunk) => {
        if (!to.write(chunk)) from.pause();
      });
      to.on('drain', () => {
        if (this.#mode === 'open') from.resume();
      });
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
    if (this.#mode === 'silent') for (const socket of [client, upstream]) socket.pause();
  }
}
