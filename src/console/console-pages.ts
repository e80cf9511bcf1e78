import { VERSION } from '../common/version.ts';
import type { Settings } from '../config/load-settings.ts';
import { DEFAULT_MODEL } from '../projects/project-schema.ts';
import { providerOrigins } from '../projects/provider-urls.ts';
import {
  type ConsoleFile,
  consoleFileOf,
  PAGE_NAMES,
  type PageName,
  readBuiltPages,
  readConsoleFiles,
} from './console-files.ts';
import { pageDocument } from './page-document.ts';
import { pageHeaders } from './page-headers.ts';

/** What examples name: the demo's own project, else a name that says what belongs there. */
const DEMO_PROJECT = 'proj_demo';
const ANY_PROJECT = 'proj_123';

interface Page {
  file: ConsoleFile;
  headers: Record<string, string>;
}

/** Every page and every file of theirs, read and written once. */
export class ConsolePages {
  readonly #files: ReadonlyMap<string, ConsoleFile>;
  readonly #pages: Readonly<Record<PageName, Page>>;

  constructor(settings: Settings) {
    const built = readBuiltPages();
    const origins = providerOrigins(settings);
    const simulator = settings.demoProviderUrl !== undefined;
    const told = {
      version: VERSION,
      simulator,
      project: settings.production ? ANY_PROJECT : DEMO_PROJECT,
      model: DEFAULT_MODEL,
      notices: built.notices,
    };
    const pages = PAGE_NAMES.map((name): [PageName, Page] => [
      name,
      {
        file: consoleFileOf(pageDocument(name, built, told), 'text/html; charset=utf-8'),
        headers: pageHeaders(name, origins),
      },
    ]);
    this.#files = readConsoleFiles(built);
    this.#pages = Object.fromEntries(pages) as Record<PageName, Page>;
  }

  page(name: PageName): Page {
    return this.#pages[name];
  }

  file(name: string): ConsoleFile | undefined {
    return this.#files.get(name);
  }
}
