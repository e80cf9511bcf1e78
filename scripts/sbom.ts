/** Writes sbom.cdx.json, a CycloneDX list of every package that `npm ci --omit=dev` installs. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

interface Manifest {
  name: string;
  devDependencies?: unknown;
}

interface Lock {
  packages: Record<string, { dev?: boolean; devDependencies?: unknown }>;
}

const manifest = read('package.json') as Manifest;
const lock = read('package-lock.json') as Lock;
// `npm sbom --omit=dev` also leaves out what the program shares with its tools, pg among it: so that nothing is left to
// omit, npm sees a project that has no tools.
delete manifest.devDependencies;
delete lock.packages['']?.devDependencies;
lock.packages = Object.fromEntries(Object.entries(lock.packages).filter(([, { dev }]) => dev !== true));

const temporary = mkdtempSync(join(tmpdir(), 'vestibule-sbom-'));
try {
  // npm names what it describes after the folder.
  const project = join(temporary, manifest.name);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), JSON.stringify(manifest));
  writeFileSync(join(project, 'package-lock.json'), JSON.stringify(lock));
  const options = ['--package-lock-only', '--sbom-format=cyclonedx', '--sbom-type=application'];
  const sbom = execFileSync('npm', ['sbom', ...options], { cwd: project, timeout: 60_000 });
  writeFileSync(join(ROOT, 'sbom.cdx.json'), sbom);
} finally {
  rmSync(temporary, { recursive: true, force: true });
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, name), 'utf8'));
}
