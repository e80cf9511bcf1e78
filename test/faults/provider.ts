import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Fault, Sighting } from '../simulator/simulator.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../support/until.ts';
import { type Belongings, signalled } from './belongings.ts';
import type { UseFact } from './checks/facts.ts';

const MAIN = fileURLToPath(new URL('../simulator/main.ts', import.meta.url));
const CONTROL_TIMEOUT_MS = 1_000;

/** The simulator as a process of its own behind a way that can be disturbed; it writes down all that it sees. */
export class Provider {
  readonly proxy: TcpProxy;
  readonly #record: string;
  readonly #belongings: Belongings;
  #child: ChildProcess | undefined;
  #port = 0;
  #ending = false;

  private constructor(proxy: TcpProxy, record: string, belongings: Belongings) {
    this.proxy = proxy;
    this.#record = record;
    this.#belongings = belongings;
  }

  static async start(record: string, belongings: Belongings): Promise<Provider> {
    writeFileSync(record, '');
    const proxy: TcpProxy = await TcpProxy.start(() =>
      provider.#port === 0 ? undefined : { host: '127.0.0.1', port: provider.#port },
    );
    const provider = new Provider(proxy, record, belongings);
    belongings.add(() => provider.#end());
    await provider.launch();
    return provider;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${this.proxy.port}/v1`;
  }

  /** Does nothing while one runs. */
  async launch(): Promise<void> {
    if (this.#ending || (this.#child !== undefined && isRunning(this.#child))) return;
    const child = spawn(process.execPath, [MAIN], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'], SIMULATOR_RECORD: this.#record, SIMULATOR_EXIT_WITH_PARENT: '1' },
    });
    this.#child = child;
    const forget = this.#belongings.atExit(() => child.kill('SIGKILL'));
    child.once('exit', forget);
    child.stdin.on('error', () => undefined);
    const lines = createInterface({ input: child.stdout });
    const line = await Promise.race([once(lines, 'line'), once(child, 'exit').then(() => undefined)]);
    if (line === undefined || this.#child !== child) return;
    this.#port = Number(new URL((JSON.parse(String(line[0])) as { url: string }).url).port);
  }

  kill(): void {
    this.#child?.kill('SIGKILL');
    this.#port = 0;
    this.#child = undefined;
  }

  freeze(): () => void {
    const pid = this.#child?.pid ?? 0;
    signalled(pid, 'SIGSTOP');
    return () => signalled(pid, 'SIGCONT');
  }

  /** Puts these faults in the place of those in force. False when it could not be told. */
  async arm(faults: Fault[]): Promise<boolean> {
    const url = `http://127.0.0.1:${this.#port}/__simulator/faults`;
    const tell = async (method: string, body?: string): Promise<boolean> => {
      const signal = AbortSignal.timeout(CONTROL_TIMEOUT_MS);
      const answer = await fetch(url, { method, signal, ...(body !== undefined && { body }) });
      return answer.ok;
    };
    try {
      return (await tell('DELETE')) && (faults.length === 0 || (await tell('POST', JSON.stringify(faults))));
    } catch {
      return false;
    }
  }

  /** Until it runs and has no fault left. */
  async heal(): Promise<void> {
    await until(
      'the simulator answers',
      async () => {
        await this.launch();
        return this.arm([]);
      },
      20_000,
    );
  }

  uses(): UseFact[] {
    return readFileSync(this.#record, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Sighting)
      .flatMap(({ at, key_fingerprint: key, session_model: tag }) =>
        key === null ? [] : [{ at, key, tag }],
      );
  }

  forgetUses(): void {
    truncateSync(this.#record);
  }

  async #end(): Promise<void> {
    this.#ending = true;
    const child = this.#child;
    if (child !== undefined && isRunning(child)) {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    await this.proxy.stop();
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
