import { randomBytes } from 'node:crypto';
import type { Manifest, ManifestProblem } from '../manifests/manifest.ts';
import {
  type ObservedClient,
  type ObservedProject,
  planClient,
  type Planned,
  planProject,
  type Reason,
  REASONS,
} from './plan.ts';
import { type Client, type Project, readClient, readProject } from './resource.ts';

type Change<Observed> = Partial<Observed>;
/** What is the case, the reason that it gives, and what its message must tell. */
type Row<Observed> = [what: string, change: Change<Observed>, reason: Reason, message: RegExp];

const problem = (field = '/spec/limits/requests', source = 'Project/shop'): ManifestProblem => ({
  source,
  field,
  message: 'must be right',
});

function manifestOf(kind: 'Project' | 'Client', name: string, spec: object): Manifest {
  const document = { apiVersion: 'vestibule.dev/v1alpha1', kind, metadata: { name }, spec };
  return { kind, name, document, source: `${kind}/${name}`, createdAt: 0, modifiedAt: 0 };
}

function aProject(name = 'shop', spec: object = {}): Project {
  const read = readProject(manifestOf('Project', name, spec), () => true);
  if (!read.ok) throw new Error(JSON.stringify(read.details));
  return read.value;
}

function aClient(name = 'kiosk', spec: object = {}): Client {
  const read = readClient(manifestOf('Client', name, { projectRef: { name: 'shop' }, ...spec }));
  if (!read.ok) throw new Error(JSON.stringify(read.details));
  return read.value;
}

const key = { fingerprint: `sha256:${randomBytes(8).toString('hex')}`, loadedAt: 0 };

/** A project that opens sessions. */
function observedProject(change: Change<ObservedProject> = {}): ObservedProject {
  return {
    project: aProject(),
    problems: [],
    owner: undefined,
    key,
    keyProblem: undefined,
    missing: undefined,
    rejected: false,
    turnProblem: undefined,
    ...change,
  };
}

/** A client whose tokens open sessions. */
function observedClient(change: Change<ObservedClient> = {}): ObservedClient {
  return {
    client: aClient(),
    problems: [],
    owner: undefined,
    verifiable: 'yes',
    project: aProject(),
    projectObstacle: undefined,
    ...change,
  };
}

/** Each with each of those after it, behind what they are. */
function pairsOf<Observed>(
  rows: readonly Row<Observed>[],
): [what: string, other: string, Row<Observed>, Row<Observed>][] {
  return rows.flatMap((first, index) =>
    rows
      .slice(index + 1)
      .map((second): ReturnType<typeof pairsOf<Observed>>[number] => [first[0], second[0], first, second]),
  );
}

const suspended = { suspended: true };
const keyProblem = problem('/data/apiKey', 'Secret/shop-key');

const OF_THE_PROJECT: Row<ObservedProject>[] = [
  [
    'its newest version is not valid',
    { problems: [problem()] },
    'Invalid',
    /^\/spec\/limits\/requests must be right; its last good version serves$/,
  ],
  ['an older one has its id', { owner: aProject('elder') }, 'DuplicateProjectId', /the older Project elder$/],
  [
    'it is suspended',
    { project: aProject('shop', suspended) },
    'Suspended',
    /^spec\.suspended is true: .* ended$/,
  ],
];
const OF_ITS_KEY: Row<ObservedProject>[] = [
  [
    'its key became malformed',
    { keyProblem },
    'KeyMalformed',
    new RegExp(
      `^Secret/shop-key /data/apiKey must be right; the last good key ${key.fingerprint} serves until a restart$`,
    ),
  ],
  [
    'there is no key, and somebody looked for why',
    { key: undefined, missing: { reason: 'SecretNotLabelled', message: 'the Secret lacks a label' } },
    'SecretNotLabelled',
    /^the Secret lacks a label$/,
  ],
  [
    'the provider refused its key',
    { rejected: true },
    'KeyRejected',
    new RegExp(`the key ${key.fingerprint} when it was last used; the next session tries it again$`),
  ],
];
/** In the order of their precedence. */
const PROJECT_ROWS = [...OF_THE_PROJECT, ...OF_ITS_KEY];

const OTHER_PROJECT_ROWS: Row<ObservedProject>[] = [
  [
    'it never was valid',
    { project: undefined, key: undefined, problems: [problem(), problem('/spec/projectId')] },
    'Invalid',
    /^\/spec\/limits\/requests must be right; \/spec\/projectId must be right; no version of it was valid since this service started, so it serves nobody$/,
  ],
  [
    'all that is wrong is where its provider is',
    { problems: [problem('/spec/provider/baseUrl')] },
    'BaseUrlNotAllowed',
    /last good version serves$/,
  ],
  [
    'where its provider is is not all that is wrong',
    { problems: [problem('/spec/provider/baseUrl'), problem()] },
    'Invalid',
    /baseUrl must be right; \/spec\/limits/,
  ],
  ['its key always was malformed', { key: undefined, keyProblem }, 'KeyMalformed', /; there is no key$/],
  ['there is no key, and nobody looked', { key: undefined }, 'KeyMissing', /^the vault has no key for it$/],
  [
    'the Secret of its key is sealed still',
    { key: undefined, missing: { reason: 'SecretNotUnsealed', message: 'not unsealed' } },
    'SecretNotUnsealed',
    /^not unsealed$/,
  ],
];

describe('the plan of a project', () => {
  it('is True and True when nothing stands in the way, and names the key', () => {
    expect(planProject(observedProject())).toEqual([
      { type: 'Ready', status: 'True', reason: 'Ready', message: 'it opens sessions' },
      {
        type: 'KeyLoaded',
        status: 'True',
        reason: 'KeyLoaded',
        message: `the key ${key.fingerprint} is in use`,
      },
    ]);
  });

  it('is True all the same without a TURN secret, and says so', () => {
    const [ready, keyLoaded] = planProject(observedProject({ turnProblem: 'there is no Secret relay' }));
    expect(ready).toEqual({
      type: 'Ready',
      status: 'True',
      reason: 'TurnSecretMissing',
      message: 'it opens sessions, but without relays: there is no Secret relay',
    });
    expect(keyLoaded).toMatchObject({ status: 'True', reason: 'KeyLoaded' });
  });

  it.each(PROJECT_ROWS)('tells that %s rather than that there is no TURN secret', (_what, change, reason) => {
    const [ready] = planProject(observedProject({ ...change, turnProblem: 'none' }));
    expect([ready.status, ready.reason]).toEqual(['False', reason]);
  });

  it.each([...PROJECT_ROWS, ...OTHER_PROJECT_ROWS])(
    'is not Ready when %s, and says so',
    (_what, change, reason, message) => {
      const [ready] = planProject(observedProject(change));
      const told = expect.stringMatching(message) as string;
      expect(ready).toEqual<Planned>({ type: 'Ready', status: 'False', reason, message: told });
    },
  );

  it.each(pairsOf(PROJECT_ROWS))(
    'tells that %s rather than that %s',
    (_what, _other, [, first, reason], [, second]) => {
      // The first is laid over the second, so that both are the case.
      const [ready] = planProject(observedProject({ ...second, ...first }));
      expect(ready.reason).toBe(reason);
    },
  );

  it.each(OF_THE_PROJECT)('has its key loaded also when %s', (_what, change) => {
    const [, keyLoaded] = planProject(observedProject(change));
    expect(keyLoaded).toMatchObject({ type: 'KeyLoaded', status: 'True' });
  });

  it.each(OF_ITS_KEY)('gives both conditions the same reason when %s', (_what, change) => {
    const [ready, keyLoaded] = planProject(observedProject(change));
    expect(keyLoaded).toEqual({ ...ready, type: 'KeyLoaded' });
  });

  it('tells of a refused key only where there is one', () => {
    const [, keyLoaded] = planProject(observedProject({ key: undefined, rejected: true }));
    expect(keyLoaded.reason).toBe('KeyMissing');
  });
});

/** In the order of their precedence. */
const CLIENT_ROWS: Row<ObservedClient>[] = [
  [
    'its newest version is not valid',
    { problems: [problem('/spec/clientId', 'Client/kiosk')] },
    'Invalid',
    /^\/spec\/clientId must be right; its last good version serves$/,
  ],
  ['an older one has its tokens', { owner: aClient('elder') }, 'DuplicateClient', /the older Client elder$/],
  [
    'its issuer is not configured',
    { verifiable: 'IssuerNotConfigured' },
    'IssuerNotConfigured',
    /VESTIBULE_JWT_ISSUERS$/,
  ],
  ['its project does not serve', { project: undefined }, 'ProjectNotFound', /^no Project shop serves$/],
  [
    'it is suspended',
    { client: aClient('kiosk', suspended) },
    'Suspended',
    /^spec\.suspended is true: .* ended$/,
  ],
  [
    'its project is not ready',
    { projectObstacle: 'KeyMissing' },
    'ProjectNotReady',
    /^the Project shop is not ready: KeyMissing$/,
  ],
];
const OTHER_CLIENT_ROWS: Row<ObservedClient>[] = [
  [
    'it never was valid',
    { client: undefined, project: undefined, problems: [problem('/spec/projectRef', 'Client/kiosk')] },
    'Invalid',
    /^\/spec\/projectRef must be right; no version of it was valid since this service started, so it serves nobody$/,
  ],
  [
    'service accounts are not served',
    { verifiable: 'ServiceAccountsNotServed' },
    'ServiceAccountsNotServed',
    /only with VESTIBULE_VAULT=kubernetes$/,
  ],
];

describe('the plan of a client', () => {
  it('is True when nothing stands in the way', () => {
    expect(planClient(observedClient())).toEqual([
      { type: 'Ready', status: 'True', reason: 'Ready', message: 'its tokens open sessions' },
    ]);
  });

  it.each([...CLIENT_ROWS, ...OTHER_CLIENT_ROWS])(
    'is not Ready when %s, and says so',
    (_what, change, reason, message) => {
      const told = expect.stringMatching(message) as string;
      expect(planClient(observedClient(change))).toEqual<Planned[]>([
        { type: 'Ready', status: 'False', reason, message: told },
      ]);
    },
  );

  it.each(pairsOf(CLIENT_ROWS))(
    'tells that %s rather than that %s',
    (_what, _other, [, first, reason], [, second]) => {
      expect(planClient(observedClient({ ...second, ...first }))[0].reason).toBe(reason);
    },
  );
});

describe('the reasons', () => {
  it('are all shown here', () => {
    const rows = [...PROJECT_ROWS, ...OTHER_PROJECT_ROWS, ...CLIENT_ROWS, ...OTHER_CLIENT_ROWS];
    const shown = new Set<Reason>([
      'Ready',
      'KeyLoaded',
      'TurnSecretMissing',
      ...rows.map(([, , reason]) => reason),
    ]);
    expect([...shown].sort()).toEqual([...REASONS].sort());
  });
});
