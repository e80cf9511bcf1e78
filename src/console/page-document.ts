import type { BuiltPages, PageName } from './console-files.ts';

/** What the service tells its pages. Nothing of it is secret: anybody may read it. */
export interface PageSettings {
  version: string;
  /** Whether a simulator answers in the provider's place. */
  simulator: boolean;
  /** The project that the examples name. */
  project: string;
  /** The model of projects that name none. */
  model: string;
  /** Name of the file of licences. */
  notices: string;
}

const TITLES: Readonly<Record<PageName, string>> = {
  landing: 'Vestibule',
  playground: 'Playground · Vestibule',
  dashboard: 'Dashboard · Vestibule',
};
const DESCRIPTION = 'A session broker for realtime voice APIs: provider keys stay in the vault.';

/** URLs are relative: behind an ingress the service may be below a path of its own. */
export function pageDocument(page: PageName, built: BuiltPages, settings: PageSettings): string {
  const { script, imports } = built.pages[page];
  const preloads = imports.map((name) => `\n    <link rel="modulepreload" href="console/${name}">`);
  return `<!doctype html>
<html lang="en" data-settings="${escaped(JSON.stringify(settings))}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="description" content="${DESCRIPTION}">
    <meta name="color-scheme" content="light dark">
    <title>${TITLES[page]}</title>
    <script src="console/${built.theme}"></script>
    <link rel="stylesheet" href="console/${built.style}">
    <link rel="icon" type="image/svg+xml" href="console/${built.icon}">${preloads.join('')}
    <script type="module" src="console/${script}"></script>
  </head>
  <body>
    <div id="page"></div>
    <noscript><p class="noscript">This page needs JavaScript. The API does not: <a href="docs">docs</a>, <a href="openapi.json">openapi.json</a>.</p></noscript>
  </body>
</html>
`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
}
