import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { scriptAt } from '../caller.ts';

const SCRIPT = scriptAt('traffic.mjs');

/** Requests at a constant pace: for sessions of a project, unless it says otherwise. */
export interface Stream {
  perSecond: number;
  /** Instead of through the ingress. */
  base?: string;
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** How many the callers seem to have; 250 unless told. */
  addresses?: number;
  /** Sessions are not released. */
  hold?: boolean;
}

/** How often each status was answered; 0: there was no answer. */
export type Answers = Record<string, number>;

export const sessionsOf = (projectId: string, perSecond: number): Stream => ({
  perSecond,
  body: { project_id: projectId },
});

/** Streams from the pod of a `Caller`, from now until it is stopped. */
export class Traffic implements AsyncDisposable {
  /** Of each stream, once it has stopped. */
  answers: Answers[] = [];
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;

  private constructor(child: ChildProcess, streams: number, started: () => void) {
    this.#process = child;
    this.#ended = this.#read(streams, started);
  }

  static async begin(namespace: string, streams: readonly Stream[]): Promise<Traffic> {
    const node = ['node', '--input-type=module', '-e', SCRIPT, '--', JSON.stringify(streams)];
    const child = spawn('kubectl', ['-n', namespace, 'exec', '-i', 'caller', '--', ...node], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let traffic: Traffic | undefined;
    await new Promise<void>((resolve, reject) => {
      traffic = new Traffic(child, streams.length, resolve);
      traffic.#ended.then(() => {
        reject(new Error('the traffic ended before it began'));
      }, reject);
    });
    return traffic!;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Resolves once what was begun is answered. */
  async stop(): Promise<void> {
    this.#process.stdin?.end();
    await this.#ended;
  }

  async #read(streams: number, started: () => void): Promise<void> {
    const exited = once(this.#process, 'exit');
    for await (const line of createInterface(this.#process.stdout!)) {
      const told = JSON.parse(line) as { started?: number; answers?: Answers[] };
      if (told.started !== undefined) started();
      this.answers = told.answers ?? this.answers;
    }
    await exited;
    if (this.answers.length !== streams) throw new Error('the traffic did not end as it should');
  }
}
