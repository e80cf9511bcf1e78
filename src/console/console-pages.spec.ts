import { gunzipSync } from 'node:zlib';
import { loadSettings } from '../config/load-settings.ts';
import { ConsolePages } from './console-pages.ts';
import type { PageSettings } from './page-document.ts';

const SIMULATOR = 'http://127.0.0.1:4321/v1';

function told(pages: ConsolePages): PageSettings {
  const { gzip } = pages.page('landing').file.bodies;
  const [, text = ''] = /data-settings="([^"]+)"/.exec(gunzipSync(gzip).toString('utf8')) ?? [];
  return JSON.parse(text.replaceAll('&quot;', '"')) as PageSettings;
}

describe('ConsolePages', () => {
  it('tells of the simulator where the demo has one, and lets the playground ask it', () => {
    const pages = new ConsolePages({ ...loadSettings({}), demoProviderUrl: SIMULATOR });
    expect(told(pages)).toMatchObject({ simulator: true, project: 'proj_demo' });
    expect(pages.page('playground').headers['content-security-policy']).toContain(' http://127.0.0.1:4321 ');
  });

  it('tells of none elsewhere', () => {
    expect(told(new ConsolePages(loadSettings({})))).toMatchObject({ simulator: false });
  });

  it('asks no loopback address in production, and names no demo project', () => {
    const pages = new ConsolePages({ ...loadSettings({}), production: true });
    expect(told(pages).project).not.toBe('proj_demo');
    expect(pages.page('playground').headers['content-security-policy']).toContain(
      "connect-src 'self' https://api.openai.com; ",
    );
  });
});
