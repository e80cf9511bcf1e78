import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** A file of the page, in memory. */
export interface PageFile {
  type: string;
  content: string | Buffer;
}

/** Nothing from anywhere else, no inline script or style, no frame around it. `data:` is for Swagger UI’s icons. */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

// Relative URLs: behind an ingress the service may be below a path of its own.
export const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>Vestibule API</title>
    <link rel="stylesheet" href="docs/swagger-ui.css">
    <link rel="icon" href="docs/favicon-32x32.png">
  </head>
  <body>
    <div id="page"></div>
    <noscript>This page needs JavaScript. The description itself is at <a href="openapi.json">openapi.json</a>.</noscript>
    <script src="docs/swagger-ui-bundle.js"></script>
    <script src="docs/start.js"></script>
  </body>
</html>
`;

const START = `SwaggerUIBundle({
  url: 'openapi.json',
  dom_id: '#page',
  deepLinking: true,
  displayRequestDuration: true,
  validatorUrl: 'none',
});
`;

/** The only files that are served below /docs. */
export const PAGE_FILE_NAMES = [
  'swagger-ui.css',
  'swagger-ui-bundle.js',
  'favicon-32x32.png',
  'start.js',
] as const;
export type PageFileName = (typeof PAGE_FILE_NAMES)[number];

/** Reads the files once, from the package that the program is installed with. */
export function loadPageFiles(): ReadonlyMap<string, PageFile> {
  const bundled = (name: PageFileName): Buffer => readFileSync(require.resolve(`swagger-ui-dist/${name}`));
  const files: Record<PageFileName, PageFile> = {
    'swagger-ui.css': { type: 'text/css; charset=utf-8', content: bundled('swagger-ui.css') },
    'swagger-ui-bundle.js': {
      type: 'text/javascript; charset=utf-8',
      content: bundled('swagger-ui-bundle.js'),
    },
    'favicon-32x32.png': { type: 'image/png', content: bundled('favicon-32x32.png') },
    'start.js': { type: 'text/javascript; charset=utf-8', content: START },
  };
  return new Map(Object.entries(files));
}
