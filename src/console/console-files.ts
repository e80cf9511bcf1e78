import { readFileSync } from 'node:fs';
import { constants, brotliCompressSync, gzipSync } from 'node:zlib';
import { createHash } from 'node:crypto';
import type { Coding } from './content-coding.ts';

/** From the sources and from what is compiled alike: what scripts/build-pages.ts made. */
const BUILT = new URL('../../dist/console/pages/', import.meta.url);
const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
};

export const PAGE_NAMES = ['landing', 'playground', 'dashboard'] as const;
export type PageName = (typeof PAGE_NAMES)[number];

/** What the build made, by name. Names carry a hash of the content. */
export interface BuiltPages {
  style: string;
  /** Runs before the first paint, so that the page does not change its colours. */
  theme: string;
  icon: string;
  notices: string;
  /** The module of each page, and the modules that it imports. */
  pages: Readonly<Record<PageName, { script: string; imports: readonly string[] }>>;
}

/** Something to send, in every coding in which it is sent. */
export interface ConsoleFile {
  type: string;
  etag: string;
  bodies: Readonly<Record<Coding, Buffer>>;
}

export function readBuiltPages(): BuiltPages {
  try {
    return JSON.parse(readFileSync(new URL('pages.json', BUILT), 'utf8')) as BuiltPages;
  } catch (error) {
    throw new Error('the pages are not built: npm run build makes them', { cause: error });
  }
}

/** The only files below /console, in memory. */
export function readConsoleFiles(built: BuiltPages): ReadonlyMap<string, ConsoleFile> {
  const { style, theme, icon, notices, pages } = built;
  const scripts = Object.values(pages).flatMap(({ script, imports }) => [script, ...imports]);
  return new Map([style, theme, icon, notices, ...scripts].map((name) => [name, readFile(name)]));
}

/** A page that is written when the service starts. */
export function consoleFileOf(text: string, type: string): ConsoleFile {
  const identity = Buffer.from(text);
  const params = { [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT };
  const bodies = { identity, br: brotliCompressSync(identity, { params }), gzip: gzipSync(identity) };
  return { type, etag: etagOf(identity), bodies };
}

function readFile(name: string): ConsoleFile {
  const read = (suffix: string): Buffer => readFileSync(new URL(name + suffix, BUILT));
  const bodies = { identity: read(''), br: read('.br'), gzip: read('.gz') };
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1)];
  if (type === undefined) throw new Error(`${name} is of no type that is served`);
  return { type, etag: etagOf(bodies.identity), bodies };
}

/** Weak, since all codings share it. */
function etagOf(content: Buffer): string {
  return `W/"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
}
