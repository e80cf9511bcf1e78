import { fingerprintOf } from '../simulator/simulator.ts';
import { type Answer, ask, type RequestOptions } from './ask.ts';
import type { HoldingProxy } from './holding-proxy.ts';
import { aKey, aProject, aSecret } from './manifests.ts';
import { startPostgresProxy } from './postgres-proxy.ts';
import { startProviderProxy } from './provider-proxy.ts';
import type { ServiceProcess } from './service-process.ts';
import { type Stack, type StackOptions, startStack } from './stack.ts';

/** A project of its own, whose provider is reached through a proxy of its own. */
export interface Scene {
  projectId: string;
  fingerprint: string;
  provider: HoldingProxy;
}

/** One stack for scenes that do not meet: a case can be played in each of them at once. */
export interface Theatre {
  stack: Stack;
  scenes: Map<string, Scene>;
  stop(): Promise<void>;
}

export async function startTheatre(
  names: readonly string[],
  spec: Record<string, unknown>,
  options: StackOptions = {},
): Promise<Theatre> {
  const scenes = new Map<string, Scene>();
  const manifests: Record<string, unknown>[] = [];
  for (const [index, name] of names.entries()) {
    const [projectId, key, provider] = [`proj_${index}`, aKey(), await startProviderProxy(0)];
    scenes.set(name, { projectId, fingerprint: fingerprintOf(key), provider });
    manifests.push(
      aProject(`http://127.0.0.1:${provider.port}/v1`, projectId, spec),
      aSecret(projectId, key),
    );
  }
  const stack = await startStack({ ...options, manifests: () => manifests });
  for (const { provider } of scenes.values()) provider.leadTo(stack.simulator.port);
  const stop = async (): Promise<void> => {
    await stack.stop();
    for (const { provider } of scenes.values()) await provider.stop();
  };
  return { stack, scenes, stop };
}

/** A service process whose statements can be kept back. */
export interface Replica {
  service: ServiceProcess;
  database: HoldingProxy;
  request(path: string, options?: RequestOptions): Promise<Answer>;
  open(scene: Scene, headers?: Record<string, string>): Promise<Answer>;
  /** Asks for a session, and does not care what comes of it. */
  begin(scene: Scene): void;
}

export async function addReplica(stack: Stack, environment: Record<string, string> = {}): Promise<Replica> {
  const database = await startPostgresProxy(stack.database.servingUrl);
  const service = await stack.addService({
    DATABASE_URL: database.through(stack.database.servingUrl),
    ...environment,
  });
  const request = (path: string, options: RequestOptions = {}): Promise<Answer> =>
    ask(`${service.url}${path}`, options);
  const open = ({ projectId }: Scene, headers: Record<string, string> = {}): Promise<Answer> =>
    request('/session', { body: { project_id: projectId }, headers });
  return {
    service,
    database,
    request,
    open,
    begin: (scene) => {
      open(scene).catch(() => undefined);
    },
  };
}
