// What is in the image: every file, and every package.
import { lstatSync, readdirSync, readFileSync, realpathSync, type Stats } from 'node:fs';

const APP = '/app/';
const PACKAGE = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/@.][^/]*)\/package\.json$/;

const names = readdirSync(APP, { recursive: true, encoding: 'utf8' });
const files = names
  .map((name) => ({ name, stats: lstatSync(APP + name) }))
  .filter(({ stats }) => stats.isFile());
const sum = (of: (stats: Stats) => number): number =>
  files.reduce((total, { stats }) => total + of(stats), 0);
const packages = names.flatMap((path) => {
  const name = PACKAGE.exec(path)?.[1];
  if (name === undefined) return [];
  const { version } = JSON.parse(readFileSync(APP + path, 'utf8')) as { version: string };
  return [`${name}@${version}`];
});
process.stdout.write(
  JSON.stringify({
    top: readdirSync(APP).sort(),
    files: files.map(({ name }) => name),
    packages: [...new Set(packages)].sort(),
    bytes: sum(({ size }) => size),
    bytesOnDisk: sum(({ blocks }) => blocks * 512),
    command: realpathSync('/usr/local/bin/vestibule'),
    commandMode: lstatSync('/app/dist/main.js').mode & 0o777,
  }),
);
