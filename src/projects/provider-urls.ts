import { withoutTrailingSlash } from '../common/url.ts';
import type { Settings } from '../config/load-settings.ts';
import { DEFAULT_BASE_URL } from './project-schema.ts';

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Which provider base URLs a Project may name: keys are sent there. */
export function providerUrlPolicy(settings: Settings): { allowed: (url: string) => boolean; first: string } {
  const listed = listedUrls(settings);
  return {
    allowed: (url) => {
      if (!URL.canParse(url)) return false;
      const { username, password, search, hash, hostname } = new URL(url);
      if (username !== '' || password !== '' || search !== '' || hash !== '') return false;
      if (listed.includes(withoutTrailingSlash(url))) return true;
      return loopbackIsAllowed(settings) && LOOPBACK.has(hostname);
    },
    first: listed[0] ?? DEFAULT_BASE_URL,
  };
}

/** Their origins, as a Content-Security-Policy names them. */
export function providerOrigins(settings: Settings): string[] {
  const listed = listedUrls(settings).map((url) => new URL(url).origin);
  // An IPv6 address is none that such a policy can name.
  const names = [...LOOPBACK].filter((name) => !name.startsWith('['));
  const loopback = loopbackIsAllowed(settings) ? names.map((name) => `http://${name}:*`) : [];
  return [...new Set([...listed, ...loopback])];
}

function listedUrls({ demoProviderUrl, providerUrls = [DEFAULT_BASE_URL] }: Settings): string[] {
  return [...(demoProviderUrl === undefined ? [] : [demoProviderUrl]), ...providerUrls];
}

function loopbackIsAllowed({ providerUrls, production }: Settings): boolean {
  return providerUrls === undefined && !production;
}
