/**
 * Bundles the pages of src/console/pages into dist/console/pages: names with a hash of the content, each file also
 * compressed, the licences of what is bundled, and pages.json, by which the service finds them.
 */
import { build, type Metafile } from 'esbuild';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = 'src/console/pages';
const TARGET = join(ROOT, 'dist/console/pages');
const PAGES = ['landing', 'playground', 'dashboard'];
const ENTRY_NAMES = '[name]-[hash]';

// Beside the last ones, which a service may be reading.
const temporary = `${TARGET}.${process.pid}`;
rmSync(temporary, { recursive: true, force: true });
mkdirSync(temporary, { recursive: true });

const shared = {
  absWorkingDir: ROOT,
  outdir: temporary,
  bundle: true,
  minify: true,
  metafile: true,
  entryNames: ENTRY_NAMES,
  chunkNames: ENTRY_NAMES,
  legalComments: 'none',
  // Names depend on where a package is, so they are the same wherever it is linked from.
  preserveSymlinks: true,
  target: 'es2022',
  logLevel: 'warning',
} as const;

const modules = await build({
  ...shared,
  entryPoints: PAGES.map((page) => ({ in: `${SOURCES}/${page}/main.tsx`, out: page })),
  format: 'esm',
  splitting: true,
  jsx: 'automatic',
  jsxImportSource: 'preact',
  define: { 'process.env.NODE_ENV': '"production"' },
});
const theme = await build({
  ...shared,
  entryPoints: [{ in: `${SOURCES}/theme.ts`, out: 'theme' }],
  format: 'iife',
});
// Without a target: what browsers must know, such as light-dark(), is not to be written in another way.
const style = await build({
  ...shared,
  target: 'esnext',
  entryPoints: [{ in: `${SOURCES}/styles/style.css`, out: 'style' }],
});

const icon = writeHashed('favicon', 'svg', readFileSync(join(ROOT, SOURCES, 'assets/favicon.svg'), 'utf8'));
const notices = writeHashed('third-party-notices', 'txt', noticesOf(modules.metafile, style.metafile));

for (const name of readdirSync(temporary)) {
  const content = readFileSync(join(temporary, name));
  const quality = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };
  writeFileSync(join(temporary, `${name}.br`), brotliCompressSync(content, { params: quality }));
  writeFileSync(join(temporary, `${name}.gz`), gzipSync(content, { level: 9 }));
}

const built = {
  style: outputOf(style.metafile, `${SOURCES}/styles/style.css`).name,
  theme: outputOf(theme.metafile, `${SOURCES}/theme.ts`).name,
  icon,
  notices,
  pages: Object.fromEntries(
    PAGES.map((page) => {
      const { name, imports } = outputOf(modules.metafile, `${SOURCES}/${page}/main.tsx`);
      return [page, { script: name, imports }];
    }),
  ),
};
writeFileSync(join(temporary, 'pages.json'), JSON.stringify(built, null, 2));
rmSync(TARGET, { recursive: true, force: true });
renameSync(temporary, TARGET);

function writeHashed(name: string, extension: string, content: string): string {
  // Letters and digits as esbuild's own hashes have them.
  const digest = createHash('sha256').update(content).digest('hex').slice(0, 8).toUpperCase();
  const file = `${name}-${digest}.${extension}`;
  writeFileSync(join(temporary, file), content);
  return file;
}

/** The file that an entry point became, and all that it imports, directly or not. */
function outputOf({ outputs }: Metafile, entryPoint: string): { name: string; imports: string[] } {
  const [path] = Object.entries(outputs).find(([, output]) => output.entryPoint === entryPoint) ?? [];
  if (path === undefined) throw new Error(`${entryPoint} became no file`);
  const reached = new Set([path]);
  for (const each of reached)
    for (const { path: imported } of outputs[each]?.imports ?? []) reached.add(imported);
  reached.delete(path);
  return { name: basename(path), imports: [...reached].map((each) => basename(each)) };
}

/** What the licences of bundled packages ask for. */
function noticesOf(...metafiles: Metafile[]): string {
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs));
  const packages = inputs.flatMap(
    (path) => /^(?:.*\/)?(node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [],
  );
  const texts = [...new Set(packages)].sort().map((path) => {
    const folder = join(ROOT, path);
    const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      name: string;
      version: string;
    };
    const licence = ['LICENSE', 'LICENSE.md', 'LICENCE'].map((file) => join(folder, file)).find(existsSync);
    if (licence === undefined) throw new Error(`${name} has no licence to tell of`);
    return `${name} ${version}\n\n${readFileSync(licence, 'utf8').trim()}\n`;
  });
  return `The pages contain these libraries.\n\n${texts.join(`\n${'-'.repeat(72)}\n\n`)}`;
}
