import type { PageName } from './console-files.ts';

/**
 * What a browser may do on a page: nothing inline, nothing from elsewhere, no frame around it. Only the playground speaks
 * to providers, and only it may ask for the microphone.
 */
export function pageHeaders(page: PageName, providerOrigins: readonly string[]): Record<string, string> {
  const isPlayground = page === 'playground';
  const connect = ["'self'", ...(isPlayground ? providerOrigins : [])].join(' ');
  return {
    'content-security-policy':
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
      `connect-src ${connect}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
    'referrer-policy': 'no-referrer',
    'permissions-policy': `microphone=(${isPlayground ? 'self' : ''}), camera=(), geolocation=(), payment=(), usb=()`,
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  };
}
