import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';

export const CHART = fileURLToPath(new URL('../../../charts/vestibule', import.meta.url));
const HELM = process.env['HELM'] ?? 'helm';
const TIMEOUT_MS = 20_000;
/** A helm that was built without its release's flags takes the cluster for a very old one. */
const KUBE_VERSION = '1.33.0';

export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels: Record<string, string>;
    annotations?: Record<string, string>;
  };
  /* eslint-disable @typescript-eslint/no-explicit-any -- tests look into manifests freely */
  spec?: any;
  [field: string]: any;
  /* eslint-enable @typescript-eslint/no-explicit-any */
}

export type Values = Record<string, unknown>;

export interface Release {
  name?: string;
  namespace?: string;
  /** Instead of ours. */
  chart?: string;
  /** Where templates may look things up. */
  kubeconfig?: string;
}

/** `ci/default-values.yaml`, or another of its folder. */
export function valuesOf(name: 'default' | 'full'): Values {
  return parse(readFileSync(`${CHART}/ci/${name}-values.yaml`, 'utf8')) as Values;
}

/** With `changes` put over it, group by group. */
export function changed(values: Values, changes: Values): Values {
  const merged = Object.entries(changes).map(([name, value]) => {
    const before = values[name];
    return [name, isGroup(before) && isGroup(value) ? changed(before, value) : value];
  });
  return { ...values, ...Object.fromEntries(merged) };
}

/** All that a release with these values is, hooks and tests too. */
export async function render(values: Values, release: Release = {}): Promise<Manifest[]> {
  const text = await renderText(values, release);
  // As Kubernetes reads it, where 0440 is octal.
  return parseAllDocuments(text, { version: '1.1' })
    .map((document) => {
      if (document.errors[0] !== undefined) throw document.errors[0];
      return document.toJSON() as Manifest | null;
    })
    .filter((manifest) => manifest !== null);
}

export async function renderText(values: Values, release: Release = {}): Promise<string> {
  const { name = 'vestibule', namespace = 'voice', chart = CHART, kubeconfig } = release;
  const cluster = kubeconfig === undefined ? [] : ['--dry-run=server', '--kubeconfig', kubeconfig];
  const { code, stdout, stderr } = await helm(
    [
      'template',
      name,
      chart,
      '--namespace',
      namespace,
      '--kube-version',
      KUBE_VERSION,
      ...cluster,
      '--values',
      '-',
    ],
    JSON.stringify(values),
  );
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

/** Why helm does not render them. */
export async function refusal(values: Values, release: Release = {}): Promise<string> {
  const text = await renderText(values, release).then(
    () => undefined,
    (error: unknown) => (error as Error).message,
  );
  if (text === undefined) throw new Error('helm took the values');
  return text;
}

export function lint(values: Values): Promise<HelmRun> {
  return helm(
    ['lint', CHART, '--strict', '--kube-version', KUBE_VERSION, '--values', '-'],
    JSON.stringify(values),
  );
}

export interface HelmRun {
  code: number;
  stdout: string;
  stderr: string;
}

/** Rejects where there is no helm: a chart that nobody rendered was not tested. */
export function helm(args: string[], input = ''): Promise<HelmRun> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      HELM,
      args,
      { timeout: TIMEOUT_MS, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve({ code: 0, stdout, stderr });
        else if (typeof error.code === 'number') resolve({ code: error.code, stdout, stderr });
        else
          reject(
            new Error(
              `${HELM} could not be run (${String(error.code ?? error.signal)}): install Helm >= 3.14`,
            ),
          );
      },
    );
    child.stdin?.on('error', () => undefined).end(input);
  });
}

/** `Service voice/vestibule` */
export function keyOf({ kind, metadata }: Manifest): string {
  return `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;
}

export function only(manifests: Manifest[], kind: string, suffix = ''): Manifest {
  const found = manifests.filter(({ kind: is, metadata }) => is === kind && metadata.name.endsWith(suffix));
  if (found.length !== 1) throw new Error(`${found.length} of ${kind} ${suffix}`);
  return found[0]!;
}

export function ofKind(manifests: Manifest[], kind: string): Manifest[] {
  return manifests.filter(({ kind: is }) => is === kind);
}

/** The pod that a manifest is, or makes. */
export function podsOf(manifests: Manifest[]): Manifest[] {
  return manifests.flatMap((manifest) => {
    if (manifest.kind === 'Pod') return manifest;
    const template = manifest.spec?.template as Manifest | undefined;
    return template?.spec?.containers === undefined ? [] : { ...template, kind: manifest.kind };
  });
}

function isGroup(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
