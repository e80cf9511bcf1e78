import { KubeConfig } from '@kubernetes/client-node';
import { ClusterKeys } from '../../src/auth/cluster-keys.ts';
import { OwnTokens } from '../../src/auth/own-tokens.ts';
import { ServiceAccountVerifier } from '../../src/auth/service-account-verifier.ts';
import { TokenReviews } from '../../src/auth/token-reviews.ts';
import { TokenVerifier } from '../../src/auth/token-verifier.ts';
import { InvalidTokenError } from '../../src/auth/verified-token.ts';
import { loadSettings } from '../../src/config/load-settings.ts';
import { Cluster } from '../../src/kubernetes/cluster.ts';
import { serviceAccountKey, tokenKey } from '../../src/projects/snapshot.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type IdentityProvider, publish, startIdentityProvider } from '../support/identity-provider.ts';
import { aSigningKey, signed, type SigningKey } from '../support/signing-keys.ts';
import { until } from '../support/until.ts';

type Json = Record<string, unknown>;

const ISSUER = 'https://kubernetes.default.svc';
const AUDIENCE = 'vestibule';
const SUBJECT = 'system:serviceaccount:shop:web';
const CLIENT_KEY = serviceAccountKey('shop', 'web');
const DISCOVERY = '/.well-known/openid-configuration';
const KEYS = '/openid/v1/jwks';
const REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews?fieldManager=vestibule';

let apiServer: IdentityProvider;
let cluster: Cluster;
let clock: FakeClock;
let key: SigningKey;
let stranger: SigningKey;

beforeAll(() => {
  key = aSigningKey('RS256');
  stranger = aSigningKey('RS256');
});
beforeEach(async () => {
  apiServer = await startIdentityProvider();
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: 'local', server: apiServer.url, skipTLSVerify: true },
    { name: 'anybody' },
  );
  cluster = new Cluster(config);
  clock = new FakeClock();
  announce(ISSUER);
  publish(apiServer, KEYS, key);
});
afterEach(async () => {
  await cluster.close();
  apiServer.close();
});

function announce(issuer: unknown): void {
  apiServer.answers.set(DISCOVERY, () => ({ issuer, jwks_uri: `${apiServer.url}/elsewhere` }));
}

const now = (): number => Math.floor(clock.now() / 1000);

/** A good one unless claims say otherwise; a claim of undefined is left out. */
function aToken(claims: Json = {}, signer = key): string {
  const times = { iat: now(), nbf: now(), exp: now() + 600 };
  return signed(signer, { iss: ISSUER, aud: [AUDIENCE], sub: SUBJECT, ...times, ...claims });
}

function verifierBy(authority: 'keys' | 'review' | 'nobody', issuers: Json[] = []): TokenVerifier {
  const { jwtIssuers } = loadSettings({ VESTIBULE_JWT_ISSUERS: JSON.stringify(issuers) });
  const authorities = {
    keys: () => new ServiceAccountVerifier(new ClusterKeys(cluster, clock), clock),
    review: () =>
      new ServiceAccountVerifier(new TokenReviews(cluster, new ClusterKeys(cluster, clock), clock), clock),
    nobody: () => undefined,
  };
  return new TokenVerifier(new OwnTokens([], clock), jwtIssuers, clock, authorities[authority]());
}

async function expectRefused(verifier: TokenVerifier, token: string): Promise<void> {
  await expect(verifier.verify(token)).rejects.toBeInstanceOf(InvalidTokenError);
}

async function expectUnavailable(verifier: TokenVerifier, token: string): Promise<void> {
  await expect(verifier.verify(token)).rejects.toMatchObject({ code: 'unavailable', status: 503 });
}

async function expectAccepted(verifier: TokenVerifier, token: string): Promise<void> {
  await expect(verifier.verify(token)).resolves.toMatchObject({ clientKey: CLIENT_KEY });
}

describe.each(['keys', 'review'] as const)('by %s, a service account’s token', (authority) => {
  beforeEach(() => {
    apiServer.answers.set(REVIEWS, () => reviewed());
  });

  it('speaks for its service account since it was issued', async () => {
    await expect(verifierBy(authority).verify(aToken({ iat: now() - 60 }))).resolves.toEqual({
      clientKey: CLIENT_KEY,
      issuedAt: now() - 60,
      expiresAt: now() + 600,
    });
  });

  it.each<[string, () => Json]>([
    ['another audience', () => ({ aud: ['other'] })],
    ['an audience that only begins like ours', () => ({ aud: ['vestibules'] })],
    ['no audience', () => ({ aud: undefined })],
    ['no exp', () => ({ exp: undefined })],
    ['an exp that is text', () => ({ exp: '99999999999' })],
    ['an exp beyond the skew', () => ({ exp: now() - 31 })],
    ['an iat in the future', () => ({ iat: now() + 300 })],
    ['an iat that is text', () => ({ iat: '0' })],
    ['no issuer', () => ({ iss: undefined })],
    ['this service as issuer', () => ({ iss: AUDIENCE })],
    ['no subject', () => ({ sub: undefined })],
    ['a subject that is a list', () => ({ sub: [SUBJECT] })],
    ['a user as subject', () => ({ sub: 'system:admin' })],
    ['a subject without name', () => ({ sub: 'system:serviceaccount:shop:' })],
    ['a subject without namespace', () => ({ sub: 'system:serviceaccount::web' })],
    ['a subject with a part more', () => ({ sub: `${SUBJECT}:x` })],
    ['a subject in another case', () => ({ sub: 'system:serviceaccount:Shop:web' })],
    ['a subject with a line more', () => ({ sub: `${SUBJECT}\n` })],
  ])('is refused with %s, and nobody is asked', async (_what, claims) => {
    await expectRefused(verifierBy(authority), aToken(claims()));
    expect(apiServer.asked).toEqual([]);
  });

  it('goes to a configured issuer of that name instead', async () => {
    publish(apiServer, '/configured', stranger);
    const configured = { issuer: ISSUER, audience: AUDIENCE, jwksUri: `${apiServer.url}/configured` };
    const verifier = verifierBy(authority, [configured]);
    await expect(verifier.verify(aToken({}, stranger))).resolves.toMatchObject({
      clientKey: tokenKey(ISSUER, SUBJECT),
    });
    await expectRefused(verifier, aToken());
    expect(new Set(apiServer.asked)).toEqual(new Set(['/configured']));
  });
});

it('without a cluster, a service account’s token is refused', async () => {
  await expectRefused(verifierBy('nobody'), aToken());
  expect(apiServer.asked).toEqual([]);
});

describe('a token judged by the cluster’s keys', () => {
  it.each<[string, () => string]>([
    ['one audience that is no list', () => aToken({ aud: AUDIENCE })],
    ['audiences of which one is ours', () => aToken({ aud: ['other', AUDIENCE] })],
    ['an exp and a nbf within the skew', () => aToken({ exp: now() - 29, nbf: now() + 29 })],
  ])('is accepted with %s', async (_what, token) => {
    await expectAccepted(verifierBy('keys'), token());
  });

  it.each<[string, () => string]>([
    ['another issuer', () => aToken({ iss: 'https://other.example.com' })],
    ['an issuer with a slash more', () => aToken({ iss: `${ISSUER}/` })],
    ['a nbf in the future', () => aToken({ nbf: now() + 300 })],
    ['a stranger’s key', () => aToken({}, stranger)],
    ['a stranger’s key under a good kid', () => aToken({}, { ...stranger, kid: key.kid })],
    ['half a signature', () => aToken().slice(0, -20)],
  ])('is refused with %s', async (_what, token) => {
    await expectRefused(verifierBy('keys'), token());
  });

  it('is accepted when signed by an elliptic curve', async () => {
    const elliptic = aSigningKey('ES256');
    publish(apiServer, KEYS, key, elliptic);
    await expectAccepted(verifierBy('keys'), aToken({}, elliptic));
  });

  it.each(['PS256', 'EdDSA'] as const)(
    'is refused when signed by %s, which clusters do not use',
    async (alg) => {
      const odd = aSigningKey(alg);
      publish(apiServer, KEYS, key, odd);
      await expectRefused(verifierBy('keys'), aToken({}, odd));
    },
  );

  it('makes the API server be asked once for all that wait, and not where its document points', async () => {
    const verifier = verifierBy('keys');
    await Promise.all(Array.from({ length: 40 }, () => expectAccepted(verifier, aToken())));
    await expectAccepted(verifier, aToken());
    expect(apiServer.asked).toEqual([DISCOVERY, KEYS]);
  });

  it('makes nobody be asked again for each forged one', async () => {
    const verifier = verifierBy('keys');
    await expectAccepted(verifier, aToken());
    const forged = [aToken({ iss: 'https://other.example.com' }), aToken({}, stranger)];
    for (const token of forged) {
      await Promise.all(Array.from({ length: 10 }, () => expectRefused(verifier, token)));
    }
    expect(apiServer.asked).toEqual([DISCOVERY, KEYS]);
  });

  it('holds by the cluster’s new issuer half a minute after the old was read', async () => {
    const verifier = verifierBy('keys');
    await expectAccepted(verifier, aToken());
    const renamed = 'https://renamed.example.com';
    announce(renamed);
    await expectRefused(verifier, aToken({ iss: renamed }));
    clock.advance(30_000);
    await expectAccepted(verifier, aToken({ iss: renamed }));
    await expectRefused(verifier, aToken());
  });

  it.each<[string, () => void]>([
    ['there is no discovery document', () => apiServer.answers.delete(DISCOVERY)],
    ['the discovery document is no JSON', () => apiServer.answers.set(DISCOVERY, () => '<html>')],
    [
      'the discovery document names no issuer',
      () => {
        announce(undefined);
      },
    ],
    ['there are no keys', () => apiServer.answers.delete(KEYS)],
    ['the keys are no list', () => apiServer.answers.set(KEYS, () => ({ keys: 'none' }))],
  ])('is neither accepted nor refused while %s, and accepted soon after', async (_what, breakIt) => {
    const verifier = verifierBy('keys');
    breakIt();
    await expectUnavailable(verifier, aToken());
    announce(ISSUER);
    publish(apiServer, KEYS, key);
    clock.advance(1_000);
    await expectAccepted(verifier, aToken());
  });

  it('makes a failing API server be asked once a second', async () => {
    const verifier = verifierBy('keys');
    apiServer.answers.delete(DISCOVERY);
    for (let times = 0; times < 5; times += 1) await expectUnavailable(verifier, aToken());
    expect(apiServer.asked).toEqual([DISCOVERY]);
  });
});

/** The API server's answer to a review: that the token holds, unless the status says otherwise. */
function reviewed(status: Json = {}): Json {
  return { status: { authenticated: true, audiences: [AUDIENCE], user: { username: SUBJECT }, ...status } };
}

function reviewsAsked(): number {
  return apiServer.asked.filter((path) => path === REVIEWS).length;
}

describe('a token judged by TokenReview', () => {
  it('is not reviewed when the cluster did not sign it, and is when its keys cannot be had', async () => {
    apiServer.answers.set(REVIEWS, () => reviewed({ authenticated: false }));
    const verifier = verifierBy('review');
    for (let times = 0; times < 20; times += 1)
      await expectRefused(verifier, aToken({ jti: times }, stranger));
    expect(reviewsAsked()).toBe(0);
    apiServer.answers.delete(KEYS);
    await expectRefused(verifierBy('review'), aToken({}, stranger));
    expect(reviewsAsked()).toBe(1);
  });

  it('is sent with the audience that it has to have', async () => {
    let sent: unknown;
    apiServer.answers.set(REVIEWS, (body) => {
      sent = body;
      return reviewed();
    });
    const token = aToken();
    await expectAccepted(verifierBy('review'), token);
    expect(sent).toMatchObject({ kind: 'TokenReview', spec: { token, audiences: [AUDIENCE] } });
  });

  it('is of whom the API server says', async () => {
    const other = { username: 'system:serviceaccount:shop:other' };
    apiServer.answers.set(REVIEWS, () => reviewed({ user: other }));
    await expect(verifierBy('review').verify(aToken())).resolves.toMatchObject({
      clientKey: serviceAccountKey('shop', 'other'),
    });
  });

  it.each<[string, Json]>([
    ['does not authenticate it', { authenticated: false, error: 'invalid bearer token' }],
    ['authenticates it by a text', { authenticated: 'true' }],
    ['does not look at audiences', { audiences: undefined }],
    ['knows it for other audiences', { audiences: ['other'] }],
    ['knows audiences that are no list', { audiences: AUDIENCE }],
    ['takes it for a user', { user: { username: 'admin' } }],
    ['tells nobody', { user: undefined }],
  ])('is refused when the API server %s', async (_what, status) => {
    apiServer.answers.set(REVIEWS, () => reviewed(status));
    await expectRefused(verifierBy('review'), aToken());
  });

  it.each<[string, () => unknown]>([
    ['fails', () => undefined],
    ['answers no JSON', () => '<html>'],
    ['answers without status', () => ({ kind: 'TokenReview' })],
    ['answers nothing', () => 'null'],
  ])('is neither accepted nor refused while the API server %s', async (_what, answer) => {
    apiServer.answers.set(REVIEWS, answer);
    await expectUnavailable(verifierBy('review'), aToken());
  });

  it('is reviewed once for all that bring it at once, and again after 10 s', async () => {
    const verifier = verifierBy('review');
    apiServer.answers.set(REVIEWS, () => reviewed());
    const token = aToken();
    await Promise.all(Array.from({ length: 40 }, () => expectAccepted(verifier, token)));
    clock.advance(9_999);
    await expectAccepted(verifier, token);
    expect(reviewsAsked()).toBe(1);
    apiServer.answers.set(REVIEWS, () => reviewed({ authenticated: false }));
    clock.advance(1);
    await expectRefused(verifier, token);
  });

  it('is not remembered beyond its own exp', async () => {
    const verifier = verifierBy('review');
    apiServer.answers.set(REVIEWS, () => reviewed());
    const token = aToken({ exp: now() - 25 });
    await expectAccepted(verifier, token);
    clock.advance(6_000);
    await expectRefused(verifier, token);
    expect(reviewsAsked()).toBe(1);
  });

  it('is reviewed again when it was refused', async () => {
    const verifier = verifierBy('review');
    const token = aToken();
    apiServer.answers.set(REVIEWS, () => reviewed({ authenticated: false }));
    await expectRefused(verifier, token);
    apiServer.answers.set(REVIEWS, () => reviewed());
    await expectAccepted(verifier, token);
  });

  it('waits for no more than a few others: beyond, 503 until one of them has its answer', async () => {
    const verifier = verifierBy('review');
    const reviews: ((answer: Json) => void)[] = [];
    apiServer.answers.set(REVIEWS, () => new Promise((resolve) => reviews.push(resolve)));
    const forged = Array.from({ length: 12 }, (_, index) => aToken({ jti: index }));
    const refusals = forged.map((token) => expectRefused(verifier, token));
    await until('all of them are being reviewed', () => reviews.length === forged.length);
    await expectUnavailable(verifier, aToken());
    expect(reviewsAsked()).toBe(forged.length);
    for (const answer of reviews) answer(reviewed({ authenticated: false }));
    await Promise.all(refusals);
    apiServer.answers.set(REVIEWS, () => reviewed());
    await expectAccepted(verifier, aToken());
  });
});
