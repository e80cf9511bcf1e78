import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parse, stringify } from 'yaml';
import { freePort } from '../../../src/database/embedded/free-port.ts';
import { type Block, ROOT } from '../../docs/support/blocks.ts';
import { type Ran, runBlocks } from '../../docs/support/page-shell.ts';

const TIMEOUT_MS = 300_000;

type Here = readonly (readonly [there: string, here: string])[];

/**
 * A checkout in which commands of pages are pasted, with files of the operator's own. What a page calls `vestibule`, the
 * namespace, and 127.0.0.1:3000, the port-forward, are names and addresses of the cluster of KUBECONFIG.
 */
export class PageCheckout {
  readonly folder: string;
  /** Of the port-forward. */
  readonly address: string;
  readonly #here: Here;
  /** Beside what the shell has anyhow. */
  environment: Record<string, string> = {};

  private constructor(folder: string, namespace: string, port: number) {
    this.folder = folder;
    this.address = `127.0.0.1:${port}`;
    this.#here = [
      ['-n vestibule-keys ', `-n ${namespace}-keys `],
      ['-n vestibule ', `-n ${namespace} `],
      ['-n vestibule\n', `-n ${namespace}\n`],
      ['--namespace vestibule', `--namespace ${namespace}`],
      ['create namespace vestibule', `create namespace ${namespace}`],
      ['service/vestibule 3000 ', `service/vestibule ${port}:3000 `],
      ['3000:80', `${port}:80`],
      ['127.0.0.1:3000', this.address],
    ];
  }

  /** @param linked what of this checkout the commands use. */
  static async make(namespace: string, linked: readonly string[]): Promise<PageCheckout> {
    const folder = mkdtempSync(join(tmpdir(), 'vestibule-checkout-'));
    const checkout = new PageCheckout(folder, namespace, await freePort());
    for (const name of linked) checkout.link(name);
    // The port-forward takes a moment, which somebody who pastes leaves it.
    checkout.write('.curlrc', 'retry = 10\nretry-connrefused\n');
    return checkout;
  }

  /** Something of this checkout, under its own or another name. */
  link(path: string, name = path): void {
    symlinkSync(join(ROOT, path), this.#pathTo(name));
  }

  write(name: string, text: string): void {
    writeFileSync(this.#pathTo(name), text);
  }

  /** A sample, whose provider is another. */
  writeSample(name: string, baseUrl: string): void {
    const path = `k8s/samples/${name}`;
    const sample = parse(readFileSync(join(ROOT, path), 'utf8')) as { spec: object };
    this.write(path, stringify({ ...sample, spec: { ...sample.spec, provider: { baseUrl } } }));
  }

  /** Pastes the blocks into one shell; what they leave in the background ends with it. */
  run(blocks: readonly Block[], here: Here = []): Promise<Ran[]> {
    return runBlocks(blocks, {
      folder: this.folder,
      environment: { KUBECONFIG: process.env['KUBECONFIG'] ?? '', ...this.environment },
      timeoutMs: TIMEOUT_MS,
      here: [...this.#here, ...here],
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #pathTo(name: string): string {
    const path = join(this.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    return path;
  }
}
