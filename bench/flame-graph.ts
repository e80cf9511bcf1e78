import { readFileSync, writeFileSync } from 'node:fs';

/**
 * Draws a V8 CPU profile as a flame graph: `node bench/flame-graph.ts PROFILE.cpuprofile OUT.svg`. Frames of one
 * package or of one file of ours that call each other are one box, as wide as its share of the time that was not idle.
 */
const [profilePath, svgPath] = process.argv.slice(2);
if (profilePath === undefined || svgPath === undefined) {
  process.stderr.write('usage: node bench/flame-graph.ts PROFILE.cpuprofile OUT.svg\n');
  process.exit(2);
}

interface ProfileNode {
  id: number;
  callFrame: { functionName: string; url: string };
  children?: number[];
}
interface Profile {
  nodes: ProfileNode[];
  samples: number[];
  timeDeltas: number[];
}
interface Box {
  name: string;
  micros: number;
  children: Map<string, Box>;
}

const UNKNOWN = { functionName: '(unknown)', url: '' };
const WIDTH = 1200;
const ROW = 18;
const MIN_SHARE = 0.004;
const CHARACTER = 6.4;
const OURS = '#e9a23b';
const PACKAGE = '#8fb3d9';
const RUNTIME = '#cfd3d8';

const packages = new Set<string>();

function nameOf({ functionName, url }: ProfileNode['callFrame']): string {
  const dependency = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1];
  if (dependency !== undefined) packages.add(dependency);
  if (dependency !== undefined) return dependency;
  const own = /\/dist\/(.+)\.js$/.exec(url)?.[1];
  if (own !== undefined) return `src/${own}`;
  if (url.startsWith('node:')) return url.split('/').slice(0, 2).join('/');
  return functionName === '' || functionName === '(root)' ? 'node' : functionName;
}

function foldStacks({ nodes, samples, timeDeltas }: Profile): Box {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])));
  const root: Box = { name: 'all', micros: 0, children: new Map() };
  samples.forEach((sample, index) => {
    const stack: string[] = [];
    for (let id: number | undefined = sample; id !== undefined; id = parents.get(id)) {
      const name = nameOf(byId.get(id)?.callFrame ?? UNKNOWN);
      if (name !== 'node' && stack.at(-1) !== name) stack.push(name);
    }
    if (stack[0] === '(idle)') return;
    const micros = timeDeltas[index] ?? 0;
    root.micros += micros;
    let box = root;
    for (const name of stack.reverse()) {
      const next = box.children.get(name) ?? { name, micros: 0, children: new Map<string, Box>() };
      box.children.set(name, next);
      next.micros += micros;
      box = next;
    }
  });
  return root;
}

function draw(box: Box, left: number, depth: number, total: number): string[] {
  const width = (box.micros / total) * WIDTH;
  if (box.micros / total < MIN_SHARE) return [];
  const share = ((box.micros / total) * 100).toFixed(1);
  const label = box.name.slice(0, Math.max(0, Math.floor((width - 6) / CHARACTER)));
  const fill = box.name.startsWith('src/') ? OURS : packages.has(box.name) ? PACKAGE : RUNTIME;
  const at = `x="${left.toFixed(1)}" y="${depth * ROW}"`;
  const lines = [
    `<g><title>${escape(box.name)}: ${share} %</title>` +
      `<rect ${at} width="${width.toFixed(1)}" height="${ROW - 1}" fill="${fill}"/>` +
      `<text x="${(left + 3).toFixed(1)}" y="${depth * ROW + 13}">${escape(label)}</text></g>`,
  ];
  let next = left;
  for (const child of [...box.children.values()].sort((one, other) => other.micros - one.micros)) {
    lines.push(...draw(child, next, depth + 1, total));
    next += (child.micros / total) * WIDTH;
  }
  return lines;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

const root = foldStacks(JSON.parse(readFileSync(profilePath, 'utf8')) as Profile);
const boxes = draw(root, 0, 0, root.micros);
const height = (Math.max(...boxes.map((box) => Number(/ y="(\d+)"/.exec(box)?.[1] ?? 0))) / ROW + 1) * ROW;
writeFileSync(
  svgPath,
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" ` +
    `font-family="ui-monospace, monospace" font-size="11"><rect width="100%" height="100%" fill="#fff"/>\n` +
    `${boxes.join('\n')}\n</svg>\n`,
);
