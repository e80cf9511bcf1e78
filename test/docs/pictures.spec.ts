/** That the rooms are drawn as they are. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf, ROOT } from './support/blocks.ts';

const EDGE = /^ +(\w+) --> (\w+)$/gm;

/** What a room's files import, but for their specs. */
function importsOf(room: string): string {
  return readdirSync(join(ROOT, 'src', room), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'))
    .map((file) => readFileSync(join(ROOT, 'src', room, file), 'utf8'))
    .join('\n');
}

it('draws no arrow between rooms that is not an import', () => {
  const picture = blocksOf('docs/architecture.md').find(
    ({ language, section }) => language === 'mermaid' && section === 'Rooms',
  );
  const edges = [...(picture?.code ?? '').matchAll(EDGE)].map(([, from = '', to = '']) => ({ from, to }));
  expect(edges.length).toBeGreaterThan(15);
  expect(edges.filter(({ from, to }) => !importsOf(from).includes(`../${to}/`))).toEqual([]);
});
