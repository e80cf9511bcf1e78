import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { until } from '../support/until.ts';
import { ask } from '../support/ask.ts';
import { PrometheusApi } from './prometheus-api.ts';

const INSTALL = 'install it: apt-get install -y prometheus (its own service need not run)';
const LISTENING = /Listening on.*address=(127\.0\.0\.1:\d+)/;

/** Runs promtool to its end; rejects with what it says. */
export async function promtool(args: string[], cwd: string): Promise<void> {
  try {
    await promisify(execFile)('promtool', args, { cwd, timeout: 60_000 });
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: string; stdout?: string; stderr?: string };
    throw new Error(code === 'ENOENT' ? `there is no promtool: ${INSTALL}` : `${stdout}${stderr}`, {
      cause: error,
    });
  }
}

export interface Target {
  address: string;
  pod: string;
}

/** A Prometheus of a suite's own, on a free port of loopback, that scrapes and evaluates every second. */
export class Prometheus extends PrometheusApi {
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(child: ChildProcess, folder: string, url: string) {
    super(url);
    this.#child = child;
    this.#folder = folder;
  }

  static async start(targets: Target[], ruleFiles: string[]): Promise<Prometheus> {
    const folder = mkdtempSync(join(tmpdir(), 'vestibule-prometheus-'));
    writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(configurationOf(targets, ruleFiles)));
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        '--web.listen-address=127.0.0.1:0',
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const failures: Error[] = [];
    child.once('error', (error) => {
      failures.push(new Error(`Prometheus does not run: ${INSTALL}`, { cause: error }));
    });
    const lines: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => lines.push(line));
    const url = await until('Prometheus is ready', async () => {
      if (failures[0] !== undefined) throw failures[0];
      if (child.exitCode !== null) throw new Error(`Prometheus ended: ${lines.join('\n')}`);
      const address = LISTENING.exec(lines.join('\n'))?.[1];
      return address !== undefined && (await isReady(`http://${address}`)) && `http://${address}`;
    }).catch((error: unknown) => {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
      throw error;
    });
    return new Prometheus(child, folder, url);
  }

  async stop(): Promise<void> {
    const ended = this.#child.exitCode === null ? once(this.#child, 'exit') : undefined;
    this.#child.kill('SIGTERM');
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function isReady(url: string): Promise<boolean> {
  return (await ask(`${url}/-/ready`)).status === 200;
}

function configurationOf(targets: Target[], ruleFiles: string[]): object {
  return {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ruleFiles,
    scrape_configs: [
      {
        job_name: 'vestibule',
        static_configs: targets.map(({ address, pod }) => ({
          targets: [address],
          labels: { namespace: 'test', pod },
        })),
      },
    ],
  };
}
