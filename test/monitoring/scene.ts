import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { fingerprintOf } from '../simulator/simulator.ts';
import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import type { ServiceProcess } from '../support/service-process.ts';
import { ask, PROJECT, type Stack, startStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const FAULTY = 'proj_faulty';
const FAULTY_KEY = aKey();
const KEYLESS = 'proj_keyless';
const LIMITED: Record<string, Record<string, unknown>> = {
  proj_full: { session: { maxConcurrent: 1 } },
  proj_window: { limits: { requests: 1, windowSeconds: 900 } },
  proj_address: { access: { perAddress: { requests: 1, windowSeconds: 900 } } },
  proj_quota: { limits: { sessionsPerMonth: 0 } },
  proj_suspended: { suspended: true },
};
/** More than may always wait, and then some that are turned away. */
const CROWD = 260;

/** A service, and a replica that limits addresses, to which everything happens that the metrics tell of. */
export class Scene {
  readonly stack: Stack;
  readonly #strict: ServiceProcess;

  private constructor(stack: Stack, strict: ServiceProcess) {
    this.stack = stack;
    this.#strict = strict;
  }

  static async start(auditFolder: string): Promise<Scene> {
    const clock = new URL('../support/jumping-clock.ts', import.meta.url);
    const stack = await startStack({
      project: { session: { maxConcurrent: 1000 } },
      environment: {
        NODE_OPTIONS: `--import=${clock.href}`,
        VESTIBULE_AUDIT_FILE: join(auditFolder, 'first.jsonl'),
      },
      manifests: (baseUrl) => [
        ...Object.entries(LIMITED).flatMap(([id, spec]) => [
          aProject(baseUrl, id, spec),
          aSecret(id, aKey()),
        ]),
        aProject(baseUrl, FAULTY),
        aSecret(FAULTY, FAULTY_KEY),
        aProject(baseUrl, KEYLESS),
        aClient('acme', PROJECT),
        aClient('keyless', KEYLESS),
        aClient('hasty', PROJECT, { limits: { requests: 1, windowSeconds: 900 } }),
      ],
    });
    const strict = await stack
      .addService({
        VESTIBULE_ADDRESS_LIMIT: '1/3600',
        VESTIBULE_AUDIT_FILE: join(auditFolder, 'second.jsonl'),
      })
      .catch(async (error: unknown) => {
        await stack.stop();
        throw error;
      });
    return new Scene(stack, strict);
  }

  /** Every outcome, every limit, every error of the provider; each is checked to have come about. */
  async play(): Promise<void> {
    for (const one of [PROJECT, ...Object.keys(LIMITED)]) await this.#open(one);
    const outcomes = new Set([
      await this.#open(PROJECT),
      ...(await Promise.all(Object.keys(LIMITED).map((id) => this.#open(id)))),
      await this.#openAs('acme'),
      await this.#openAs('keyless'),
      await this.#openAs('hasty'),
      await this.#openAs('hasty'),
      await this.#open('proj_unknown'),
      await this.#open(PROJECT, { surprise: true }),
      await this.#failAtProvider(401),
      await this.#failAtProvider(429),
      await this.#failAtProvider(500),
      await this.#meetDefect(),
      await this.#crowd(),
    ]);
    expect([...outcomes].sort()).toEqual([
      'concurrency_limit_exceeded',
      'created',
      'internal',
      'invalid_request',
      'key_unavailable',
      'provider_error',
      'provider_rate_limited',
      'provider_rejected_key',
      'quota_exceeded',
      'rate_limited',
      'suspended',
      'unauthorized',
      'unavailable',
    ]);
    await this.#exceedAddressLimit();
    await this.#guessAdminKey();
  }

  async #open(projectId: string, more: object = {}, headers: Record<string, string> = {}): Promise<string> {
    return this.#outcomeOf({ project_id: projectId, ...more }, headers);
  }

  async #openAs(client: string): Promise<string> {
    return this.#outcomeOf({}, { authorization: `Bearer ${await this.stack.token(client)}` });
  }

  async #outcomeOf(body: object, headers: Record<string, string>): Promise<string> {
    const { status, json } = await this.stack.request('/session', { body, headers });
    return status === 200 ? 'created' : (json.error as string);
  }

  async #failAtProvider(status: number): Promise<string> {
    const fault = { kind: 'status', status, times: 1, key_fingerprint: fingerprintOf(FAULTY_KEY) } as const;
    this.stack.simulator.fault(fault);
    return this.#open(FAULTY);
  }

  /** A kept answer that no longer opens. */
  async #meetDefect(): Promise<string> {
    const headers = { 'idempotency-key': randomUUID() };
    await this.#open(PROJECT, {}, headers);
    await this.stack.database.query(
      'UPDATE idempotency SET sealed_answer = set_byte(sealed_answer, 99, 255 - get_byte(sealed_answer, 99))',
    );
    return this.#open(PROJECT, {}, headers);
  }

  /** More callers than are let in while the database stands still. */
  async #crowd(): Promise<string> {
    const locker = new pg.Client({ connectionString: this.stack.database.superuserUrl });
    await locker.connect();
    const crowd: Promise<string>[] = [];
    try {
      await locker.query('BEGIN; LOCK TABLE project_slots IN ACCESS EXCLUSIVE MODE');
      const before = await this.#turnedAway();
      for (let caller = 0; caller < CROWD; caller += 1) crowd.push(this.#open(PROJECT));
      await until('somebody is turned away', async () => {
        crowd.push(this.#open(PROJECT));
        return (await this.#turnedAway()) > before;
      });
    } finally {
      await locker.end();
    }
    const outcomes = await Promise.all(crowd);
    return outcomes.includes('unavailable') ? 'unavailable' : 'created';
  }

  async #turnedAway(): Promise<number> {
    const { text } = await ask(`${this.stack.opsUrl}/metrics`);
    return Number(/^rate_limited_total\{scope="overload"\} (\d+)$/m.exec(text)?.[1] ?? 0);
  }

  async #exceedAddressLimit(): Promise<void> {
    const base = this.#strict.url;
    await this.stack.request('/health', { base });
    expect((await this.stack.request('/health', { base })).status).toBe(429);
  }

  /** Told once its minute is over. */
  async #guessAdminKey(): Promise<void> {
    const { status } = await this.stack.request('/projects', { headers: { 'x-admin-api-key': 'wrong' } });
    expect(status).toBe(401);
    const [first] = this.stack.services;
    process.kill(first!.pid, 'SIGUSR2');
  }
}
