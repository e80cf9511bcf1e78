import type { Settings } from '../../config/load-settings.ts';
import { shownUrl } from '../describe.ts';
import { type Found, failure, ok, warning } from '../finding.ts';

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|localhost|\[?::1\]?)$/;

/** What is allowed and still most likely not meant. */
export function adviseOnSettings(settings: Settings): Found[] {
  const found = [
    ...samePorts(settings),
    ...sameSecret(settings),
    ...unreachableHosts(settings),
    ...(settings.production ? adviseInProduction(settings) : []),
  ];
  const mode = settings.production ? 'for production' : 'not for production (NODE_ENV)';
  return found.length > 0 ? found : [ok(`valid, ${mode}`)];
}

function samePorts({ port, opsPort }: Settings): Found[] {
  return port === opsPort && port !== 0
    ? [failure('PORT and OPS_PORT are the same', 'give OPS_PORT another port')]
    : [];
}

function sameSecret({ adminKeys = [], jwtSecrets = [] }: Settings): Found[] {
  const signing = new Set(jwtSecrets.map((secret) => secret.fingerprint()));
  return adminKeys.some((key) => signing.has(key.fingerprint()))
    ? [
        warning(
          'an admin key also signs tokens: who has one has the other',
          'give VESTIBULE_ADMIN_KEY and VESTIBULE_JWT_SECRET values of their own',
        ),
      ]
    : [];
}

function unreachableHosts({ production, hosts, host }: Settings): Found[] {
  return !production && hosts === undefined && !LOOPBACK.test(host)
    ? [
        warning(
          'HOST is open to others, but only loopback names are answered: they get 421',
          'set VESTIBULE_HOSTS to the names that callers use',
        ),
      ]
    : [];
}

function adviseInProduction(settings: Settings): Found[] {
  const { addressLimit, trustProxy, logLevel, jwtIssuers, providerUrls = [] } = settings;
  const found: Found[] = [];
  if (addressLimit === undefined) {
    found.push(
      warning(
        'VESTIBULE_ADDRESS_LIMIT is off: one address can ask without end',
        'set it, such as 1200/60, unless something in front limits addresses',
      ),
    );
  }
  if (trustProxy.some(([, bits]) => bits === 0)) {
    found.push(
      warning(
        'VESTIBULE_TRUST_PROXY trusts everybody: every caller can choose its address',
        'name the networks of your own proxies only',
      ),
    );
  }
  if (logLevel === 'silent') {
    found.push(warning('LOG_LEVEL is silent: nobody will know why', 'set it to info or warn'));
  }
  for (const { issuer, jwksUri } of jwtIssuers) {
    const url = [issuer, jwksUri].find((one) => isPlainHttp(one));
    if (url === undefined) continue;
    found.push(
      warning(
        `VESTIBULE_JWT_ISSUERS takes keys from ${shownUrl(url)}: who is on the way can sign tokens`,
        'use https',
      ),
    );
  }
  for (const url of providerUrls.filter((one) => isPlainHttp(one))) {
    found.push(
      warning(
        `VESTIBULE_PROVIDER_URLS allows ${shownUrl(url)}: provider keys would travel readable`,
        'use https',
      ),
    );
  }
  return found;
}

function isPlainHttp(url: string | undefined): boolean {
  if (url === undefined || !URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !LOOPBACK.test(hostname);
}
