import { loadSettings } from '../../config/load-settings.ts';
import { adviseOnSettings } from './settings-advice.ts';

const PRODUCTION = {
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://serving@db.example/vestibule',
  VESTIBULE_ADMIN_KEY: 'a'.repeat(32),
  VESTIBULE_JWT_SECRET: 'b'.repeat(32),
};
const issuers = (...list: Record<string, string>[]): string =>
  JSON.stringify(list.map((issuer) => ({ audience: 'a', ...issuer })));

describe('advice on settings', () => {
  it.each<[string, Record<string, string>]>([
    ['the defaults', {}],
    ['production with what it requires', PRODUCTION],
    ['any host in production', { ...PRODUCTION, HOST: '0.0.0.0' }],
    ['an open host with its names', { HOST: '0.0.0.0', VESTIBULE_HOSTS: 'vestibule.example' }],
    ['two ports to be picked', { PORT: '0', OPS_PORT: '0' }],
    ['some trusted proxies', { ...PRODUCTION, VESTIBULE_TRUST_PROXY: '10.0.0.0/8,fd00::/8' }],
    ['loopback without TLS', { ...PRODUCTION, VESTIBULE_PROVIDER_URLS: 'http://127.0.0.1:8080/v1' }],
    ['anything goes outside production', { VESTIBULE_ADDRESS_LIMIT: 'off', VESTIBULE_TRUST_PROXY: '::/0' }],
  ])('is not given for %s', (_what, environment) => {
    expect(adviseOnSettings(loadSettings(environment))).toEqual([expect.objectContaining({ status: 'ok' })]);
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ VESTIBULE_ADDRESS_LIMIT: 'off' }, /^VESTIBULE_ADDRESS_LIMIT is off/],
    [{ VESTIBULE_TRUST_PROXY: '::/0' }, /^VESTIBULE_TRUST_PROXY trusts everybody/],
    [{ VESTIBULE_PROVIDER_URLS: 'http://user:pass@gw.example/v1' }, /allows http:\/\/gw\.example\/v1:/],
    [{ VESTIBULE_JWT_ISSUERS: issuers({ issuer: 'http://idp.example' }) }, /from http:\/\/idp\.example:/],
    [
      {
        VESTIBULE_JWT_ISSUERS: issuers({ issuer: 'https://idp.example', jwksUri: 'http://idp.example/keys' }),
      },
      /from http:\/\/idp\.example\/keys:/,
    ],
  ])('is given for %j in production', (changed, message) => {
    const found = adviseOnSettings(loadSettings({ ...PRODUCTION, ...changed }));
    expect(found).toEqual([
      { status: 'warning', message: expect.stringMatching(message), fix: expect.any(String) },
    ]);
  });

  it('is given for a host that is open and answers loopback names only', () => {
    expect(adviseOnSettings(loadSettings({ HOST: '0.0.0.0' }))).toMatchObject([
      { status: 'warning', fix: expect.stringMatching(/VESTIBULE_HOSTS/) },
    ]);
  });
});
