import { randomBytes } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A provider key that the simulator takes, made at run time. */
export function aKey(): string {
  return `sk-test-${randomBytes(16).toString('hex')}`;
}

type Spec = Record<string, unknown>;

/** Limits out of the way: a test that is about limits sets its own. */
const ROOMY = {
  access: { perAddress: { requests: 1_000_000, windowSeconds: 60 } },
  limits: { requests: 1_000_000, windowSeconds: 60 },
};

export function aProject(baseUrl: string, projectId: string, spec: Spec = {}): Record<string, unknown> {
  const { access, limits, ...rest } = spec;
  return {
    apiVersion: 'vestibule.dev/v1alpha1',
    kind: 'Project',
    metadata: { name: projectId.toLowerCase().replaceAll('_', '-') },
    spec: {
      projectId,
      provider: { type: 'openai', baseUrl },
      access: { ...ROOMY.access, ...(access as Spec | undefined) },
      limits: { ...ROOMY.limits, ...(limits as Spec | undefined) },
      ...rest,
    },
  };
}

export function aClient(clientId: string, projectId: string, spec: Spec = {}): Record<string, unknown> {
  const { limits, ...rest } = spec;
  return {
    apiVersion: 'vestibule.dev/v1alpha1',
    kind: 'Client',
    metadata: { name: clientId.toLowerCase().replaceAll('_', '-') },
    spec: {
      clientId,
      projectRef: { name: projectId.toLowerCase().replaceAll('_', '-') },
      limits: { ...ROOMY.limits, ...(limits as Spec | undefined) },
      ...rest,
    },
  };
}

/** The Secret that a project of `aProject` looks for. */
export function aSecret(projectId: string, key: string): Record<string, unknown> {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `${projectId.toLowerCase().replaceAll('_', '-')}-key` },
    data: { apiKey: Buffer.from(key, 'utf8').toString('base64') },
  };
}

/** What relays share with the service, made at run time. */
export function aTurnSecret(): string {
  return randomBytes(24).toString('base64url');
}

/** The Secret of a `turn.secretRef` that names no entry. */
export function aSecretOfRelays(name: string, secret: string): Record<string, unknown> {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { turnSecret: secret } };
}

/** Writes manifests as an editor that replaces files atomically does. */
export function writeManifests(directory: string, file: string, manifests: Record<string, unknown>[]): void {
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  const temporary = join(directory, `.${file}.tmp`);
  writeFileSync(temporary, JSON.stringify(manifests), { mode: 0o600 });
  renameSync(temporary, join(directory, file));
}

export function removeManifests(directory: string, file: string): void {
  rmSync(join(directory, file));
}
