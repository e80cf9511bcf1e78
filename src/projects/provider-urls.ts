import { withoutTrailingSlash } from '../common/url.ts';
import type { Settings } from '../config/load-settings.ts';
import { DEFAULT_BASE_URL } from './project-schema.ts';

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Which provider base URLs a Project may name: keys are sent there. */
export function providerUrlPolicy(settings: Settings): { allowed: (url: string) => boolean; first: string } {
  const demo = settings.demoProviderUrl === undefined ? [] : [settings.demoProviderUrl];
  const listed = [...demo, ...(settings.providerUrls ?? [DEFAULT_BASE_URL])];
  return {
    allowed: (url) => {
      if (!URL.canParse(url)) return false;
      const { username, password, search, hash, hostname } = new URL(url);
      if (username !== '' || password !== '' || search !== '' || hash !== '') return false;
      if (listed.includes(withoutTrailingSlash(url))) return true;
      return settings.providerUrls === undefined && !settings.production && LOOPBACK.has(hostname);
    },
    first: listed[0] ?? DEFAULT_BASE_URL,
  };
}
