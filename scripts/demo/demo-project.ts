import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export const DEMO_PROJECT_FILE = 'project-proj-demo.yaml';
const KEY_FILE = 'secret-proj-demo-key.yaml';
/** Says which provider the demo's files were written for; remove it to keep your own edits for good. */
const MARK = 'vestibule.dev/demo';

export type DemoProvider = { provider: 'simulator'; url: string } | { provider: 'openai'; key: string };

/** Writes the demo project and its key, unless somebody has made `proj_demo` their own. */
export function prepareDemo(directory: string, demo: DemoProvider): void {
  // Root's PostgreSQL runs as another user, which has to pass through this folder.
  mkdirSync(directory, { recursive: true, mode: process.getuid?.() === 0 ? 0o711 : 0o700 });
  const project = readMark(directory, DEMO_PROJECT_FILE);
  if (project === 'foreign' || (project === 'absent' && isConfiguredElsewhere(directory))) return;
  const baseUrl = demo.provider === 'simulator' ? demo.url : 'https://api.openai.com/v1';
  write(directory, DEMO_PROJECT_FILE, projectManifest(demo.provider, baseUrl));
  if (demo.provider === 'openai') write(directory, KEY_FILE, keyManifest('openai', demo.key));
  else if (!['simulator', 'foreign'].includes(readMark(directory, KEY_FILE))) {
    write(directory, KEY_FILE, keyManifest('simulator', `sk-demo-${randomBytes(16).toString('hex')}`));
  }
}

function readMark(directory: string, file: string): string {
  const path = join(directory, file);
  if (!existsSync(path)) return 'absent';
  return new RegExp(`${MARK}: (\\w+)`).exec(readFileSync(path, 'utf8'))?.[1] ?? 'foreign';
}

function isConfiguredElsewhere(directory: string): boolean {
  return readdirSync(directory)
    .filter((name) => /\.(ya?ml|json)$/.test(name))
    .some((name) => /projectId"?:\s*["']?proj_demo\b/.test(readFileSync(join(directory, name), 'utf8')));
}

function write(directory: string, file: string, text: string): void {
  // An unchanged file keeps its age, which says whose project id it is.
  if (readMark(directory, file) !== 'absent' && readFileSync(join(directory, file), 'utf8') === text) return;
  const temporary = join(directory, `.${file}.tmp`);
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, join(directory, file));
}

function projectManifest(provider: string, baseUrl: string): string {
  return `apiVersion: vestibule.dev/v1alpha1
kind: Project
metadata:
  name: proj-demo
  annotations:
    ${MARK}: ${provider}
spec:
  projectId: proj_demo
  provider:
    type: openai
    baseUrl: ${baseUrl}
  keySecretRef:
    name: proj-demo-key
    key: apiKey
`;
}

function keyManifest(provider: string, key: string): string {
  return `apiVersion: v1
kind: Secret
metadata:
  name: proj-demo-key
  annotations:
    ${MARK}: ${provider}
type: Opaque
data:
  apiKey: ${Buffer.from(key, 'utf8').toString('base64')}
`;
}
