/** What the service tells its pages: `PageSettings` in src/console/page-document.ts. */
export interface PageSettings {
  version: string;
  simulator: boolean;
  project: string;
  model: string;
  notices: string;
}

export const settings = JSON.parse(document.documentElement.dataset['settings'] ?? '{}') as PageSettings;

/** Where the service is, with a slash at the end: behind an ingress that can be below a path of its own. */
export const baseUrl = new URL('.', location.href).href;

/** For snippets: without the slash. */
export const shownBaseUrl = baseUrl.replace(/\/$/, '');
