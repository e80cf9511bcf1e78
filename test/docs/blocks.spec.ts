/** That every command and program in the documentation is run by a test, or says here why it is not. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf, pages, ROOT } from './support/blocks.ts';

const RUNNABLE = new Set(['sh', 'js', 'ts', 'py', 'sql']);
const COMMANDS = 'test/docs/commands.spec.ts';
const GUIDE = 'test/docs/api-guide.spec.ts';
const RESTORE = 'test/e2e/long/restore.spec.ts';
const RELEASE = 'test/e2e/pages.spec.ts';
const OPERATIONS = 'test/e2e/long/operations.spec.ts';
const ROTATIONS =
  /^(Rotate|Admin key|JWT secret|Database passwords|Audit signing key|Sealing key|Provider keys)$/;

/** Blocks of a page, by the heading above them and what they begin with; run as they stand by a spec, or not. */
const BLOCKS: readonly (readonly [
  page: string,
  section: RegExp,
  begins: RegExp,
  { by: string } | { not: string },
])[] = [
  [
    'README.md',
    /^Start$/,
    /^npm ci/,
    { not: 'CI: npm ci, npm test; npm start by test/pages/support/demo.ts' },
  ],
  ['README.md', /./, /^(curl|umask)/, { by: COMMANDS }],
  ['docs/tutorial.md', /./, /^npm ci/, { not: 'as in README.md' }],
  ['docs/tutorial.md', /./, /^(?!npm ci)/, { by: COMMANDS }],
  ['docs/api.md', /^The whole flow$/, /^const/, { by: 'test/pages/snippets.spec.ts' }],
  ['docs/api.md', /./, /^import (json|OpenAI|type)/, { by: GUIDE }],
  ['docs/api.md', /^For operators$/, /^const answer/, { by: GUIDE }],
  ['docs/api.md', /./, /^(base|curl|key=|id=|printf)/, { by: COMMANDS }],
  ['docs/migration.md', /./, /./, { by: COMMANDS }],
  ['docs/runbooks/VestibuleKeyRejected.md', /./, /./, { by: COMMANDS }],
  ['docs/operations.md', /^(Back up|Restore)$/, /./, { by: RESTORE }],
  ['docs/operations.md', /^TURN$/, /^curl/, { by: COMMANDS }],
  ['docs/operations.md', /^TURN$/, /^openssl/, { by: OPERATIONS }],
  [
    'docs/operations.md',
    /^Install$/,
    /^CREATE ROLE/,
    { not: 'has passwords to be filled in; such roles by test/e2e/install.spec.ts' },
  ],
  ['docs/operations.md', /^(Install|Ingress and TLS|First key)$/, /^(?!CREATE)/, { by: OPERATIONS }],
  ['docs/operations.md', /^(Upgrade|Roll back|Uninstall)$/, /./, { by: OPERATIONS }],
  [
    'docs/operations.md',
    /^Database passwords$/,
    /^(CREATE|DROP)/,
    { not: 'has a password to be filled in; the same statements by test/e2e/long/rotate.spec.ts' },
  ],
  ['docs/operations.md', ROTATIONS, /^(?!CREATE|DROP)/, { by: 'test/e2e/long/rotate.spec.ts' }],
  ['docs/audit.md', /^Signed heads$/, /^(openssl|vestibule)/, { by: 'test/docs/signed-heads.spec.ts' }],
  ['docs/audit.md', /^Signed heads$/, /^kubectl/, { by: RELEASE }],
  ['docs/database.md', /./, /^-- who waits/, { by: 'test/docs/queries.spec.ts' }],
  ['docs/capacity.md', /./, /^SELECT/, { by: 'test/docs/queries.spec.ts' }],
  [
    'docs/image.md',
    /./,
    /^(docker|IMAGE|npm run sbom)/,
    { not: 'needs docker, or a release; the image and its list by test/image/image.spec.ts' },
  ],
  ['docs/kubernetes.md', /./, /^(kubectl|curl)/, { by: RELEASE }],
  ['docs/runbooks/VestibuleDown.md', /./, /^kubectl/, { by: RELEASE }],
  ['charts/vestibule/README.md', /./, /^(kubectl|helm|RELEASE=)/, { by: RELEASE }],
  ['k8s/README.md', /^Kubernetes$/, /^kubectl/, { by: RELEASE }],
  ['k8s/README.md', /^Demo$/, /^kubectl/, { by: 'test/e2e/demo.spec.ts' }],
  ['k8s/rbac/README.md', /./, /^kubectl/, { by: RELEASE }],
  ['CONTRIBUTING.md', /./, /^npm ci/, { not: 'CI runs them; their names are checked below' }],
];

const blocks = pages().flatMap((page) => blocksOf(page).filter(({ language }) => RUNNABLE.has(language)));

it('has one entry for every block that can be run', () => {
  const wrong = blocks.flatMap(({ page, section, line, code }) => {
    const found = BLOCKS.filter(([of, at, begins]) => of === page && at.test(section) && begins.test(code));
    return found.length === 1 ? [] : [`${page}:${line} has ${found.length} entries`];
  });
  expect(wrong).toEqual([]);
});

it('has no entry without a block, and none of a spec that does not read the page', () => {
  const wrong = BLOCKS.flatMap(([page, section, begins, run]) => {
    const entry = `${page} ${String(section)} ${String(begins)}`;
    const used = blocks.some(
      (each) => each.page === page && section.test(each.section) && begins.test(each.code),
    );
    if (!used) return [`${entry}: there is no such block`];
    const specs = 'by' in run ? [run.by] : (run.not.match(/test\/[\w/.-]+\.ts/g) ?? []);
    const absent = specs.filter((spec) => !existsSync(join(ROOT, spec)));
    if (absent.length > 0) return [`${entry}: there is no ${absent.join()}`];
    return 'by' in run && !readFileSync(join(ROOT, run.by), 'utf8').includes(`'${page}'`)
      ? [`${entry}: ${run.by} does not read it`]
      : [];
  });
  expect(wrong).toEqual([]);
});

it('names npm scripts that there are', () => {
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const named = blocks.flatMap(({ code, page, line }) =>
    [...code.matchAll(/\bnpm (?:run )?(?!run\b|ci\b)([\w:]+)/g)].map(([, name = '']) => ({
      name,
      at: `${page}:${line}`,
    })),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ name }) => scripts[name] === undefined)).toEqual([]);
});
