import { changed, lint, refusal, render, valuesOf, type Values } from './support/helm.ts';
import { type DefinitionsApi, serveDefinitions } from './support/definitions-api.ts';

const base = valuesOf('default');
const refused = (changes: Values): Promise<string> => refusal(changed(base, changes));

describe('values', () => {
  it('are taken by lint without a warning', async () => {
    for (const values of [base, valuesOf('full')]) {
      const { code, stdout } = await lint(values);
      expect([code, stdout]).toEqual([0, expect.not.stringMatching(/WARNING|ERROR/)]);
    }
  });

  it('that are required are all asked for at once', async () => {
    const asked = await refusal({});
    for (const value of [
      'image.repository',
      'database.secret.name',
      'database.migrationSecret.name',
      'admin.secret.name',
      'jwt.secret.name',
    ]) {
      expect(asked).toContain(`${value} is not set`);
    }
  });

  it('leave the owner’s URL out where the schema is migrated by somebody else', async () => {
    const { database, ...others } = base as { database: Values };
    const manifests = await render({
      ...others,
      database: { secret: database['secret'] },
      migration: { enabled: false },
    });
    expect(manifests.filter(({ kind }) => kind === 'Job')).toEqual([]);
  });

  it('of a second release have no definitions', async () => {
    const kinds = (await render(changed(base, { crds: { install: false } }))).map(({ kind }) => kind);
    expect(kinds).not.toContain('CustomResourceDefinition');
  });
});

const ingress = { enabled: true, host: 'voice.example.com' };
const route = { enabled: true, parentRefs: [{ name: 'public' }], hostnames: ['voice.example.com'] };
const proxies = ['10.0.0.0/8'];

describe('a contradiction', () => {
  it.each<[Values, string]>([
    [{ replicas: 3, autoscaling: { enabled: true } }, 'replicas is set while autoscaling.enabled is true'],
    [{ replicas: 0, autoscaling: { enabled: true } }, 'replicas is set while autoscaling.enabled is true'],
    [
      { autoscaling: { minReplicas: 5, maxReplicas: 4 } },
      'autoscaling.minReplicas is greater than autoscaling.maxReplicas',
    ],
    [
      { ingress: { enabled: true }, trustProxy: proxies },
      'ingress.host is not set while ingress.enabled is true',
    ],
    [{ ingress }, 'trustProxy is empty while ingress.enabled or httpRoute.enabled is true'],
    [{ httpRoute: route }, 'trustProxy is empty while ingress.enabled or httpRoute.enabled is true'],
    [
      { httpRoute: { ...route, parentRefs: [] }, trustProxy: proxies },
      'httpRoute.parentRefs is empty while httpRoute.enabled is true',
    ],
    [
      { httpRoute: { ...route, hostnames: [] }, trustProxy: proxies },
      'httpRoute.hostnames is empty while httpRoute.enabled is true',
    ],
    [
      { ingress, trustProxy: proxies, hosts: ['other.example.com'] },
      'hosts does not name voice.example.com, which ingress.host or httpRoute.hostnames does',
    ],
    [
      { httpRoute: route, trustProxy: proxies, hosts: ['other.example.com'] },
      'hosts does not name voice.example.com, which ingress.host or httpRoute.hostnames does',
    ],
    [
      { ingress, trustProxy: proxies, networkPolicy: { ingress: { api: [] } } },
      'networkPolicy.ingress.api is empty while ingress.enabled or httpRoute.enabled is true',
    ],
    [
      { monitoring: { serviceMonitor: { enabled: true } }, networkPolicy: { ingress: { ops: [] } } },
      'networkPolicy.ingress.ops is empty while monitoring.serviceMonitor.enabled is true',
    ],
    [
      { tracing: { endpoint: 'http://collector:4318' } },
      'networkPolicy.egress.otlp.peers is empty while tracing.endpoint is set',
    ],
    [
      { tracing: { headersSecret: { name: 'collector' } } },
      'tracing.headersSecret.name is set while tracing.endpoint is not',
    ],
    [{ listen: { port: 9464 } }, 'listen.port and listen.opsPort are the same'],
    [
      { database: { ca: { configMap: 'one', secret: 'two' } } },
      'database.ca.configMap and database.ca.secret are both set',
    ],
    [
      { sealing: { certificate: { configMap: 'one', secret: 'two' } } },
      'sealing.certificate.configMap and sealing.certificate.secret are both set',
    ],
    [
      { keyNamespace: { name: 'voice' } },
      "keyNamespace.create is true while keyNamespace.name is the release's own namespace",
    ],
    [
      { serviceAccount: { create: false } },
      'serviceAccount.name is not set while serviceAccount.create is false',
    ],
    [{ audit: { fileRequired: true } }, 'audit.fileRequired is true while audit.file is not set'],
    [{ audit: { file: '/audit/rows.jsonl' } }, 'audit.file is in none of extraVolumeMounts'],
    [
      { audit: { file: '/auditing/rows' }, extraVolumeMounts: [{ name: 'audit', mountPath: '/audit' }] },
      'audit.file is in none of extraVolumeMounts',
    ],
    [{ extraEnv: [{ name: 'LOG_LEVEL', value: 'info' }] }, 'extraEnv names LOG_LEVEL, which the chart sets'],
    [
      { extraEnv: [{ name: 'VESTIBULE_ADMIN_KEY', value: 'x' }] },
      'extraEnv names VESTIBULE_ADMIN_KEY, which the chart sets',
    ],
    [
      { extraEnv: [{ name: 'DATABASE_URL_FILE', value: '/x' }] },
      'extraEnv names DATABASE_URL_FILE, which the chart sets',
    ],
  ])('%j is refused with a sentence', async (changes, sentence) => {
    expect(await refused(changes)).toContain(sentence);
  });

  it.each<[string, Values]>([
    ['autoscaling alone', { autoscaling: { enabled: true } }],
    ['ingress and route', { ingress, httpRoute: route, trustProxy: proxies, hosts: ['voice.example.com'] }],
    [
      'traces without policies',
      { tracing: { endpoint: 'http://collector:4318' }, networkPolicy: { enabled: false } },
    ],
    ['keys in the release’s namespace', { keyNamespace: { name: 'voice', create: false } }],
    ['an account that is there', { serviceAccount: { create: false, name: 'voice' } }],
    [
      'an audit file in a volume',
      {
        audit: { file: '/audit/rows.jsonl', fileRequired: true },
        extraVolumeMounts: [{ name: 'a', mountPath: '/audit/' }],
      },
    ],
    ['being part of another chart', { global: { anything: true } }],
  ])('is not seen in %s', async (_what, changes) => {
    await expect(render(changed(base, changes))).resolves.not.toEqual([]);
  });
});

describe('definitions of the cluster', () => {
  const names = ['projects.vestibule.dev', 'clients.vestibule.dev'];
  const ownedBy = (name: string, namespace: string): Record<string, string> => ({
    'meta.helm.sh/release-name': name,
    'meta.helm.sh/release-namespace': namespace,
  });
  let api: DefinitionsApi;
  const serve = async (annotations: Record<string, string> | undefined): Promise<void> => {
    api = await serveDefinitions(Object.fromEntries(names.map((name) => [name, annotations])));
  };
  const with_ = (): { kubeconfig: string } => ({ kubeconfig: api.kubeconfig });
  afterEach(async () => {
    await api.close();
  });

  it('that another release has are left to it', async () => {
    await serve(ownedBy('first', 'elsewhere'));
    expect(await refusal(base, with_())).toContain(
      'crds.install is true while projects.vestibule.dev belongs to the release elsewhere/first: set it to false',
    );
    await render(changed(base, { crds: { install: false } }), with_());
  });

  it('that no release has are not taken over', async () => {
    await serve(undefined);
    expect(await refusal(base, with_())).toContain(
      'crds.install is true while clients.vestibule.dev belongs to no release: set it to false',
    );
  });

  it('that are its own, or not there, are installed', async () => {
    await serve(ownedBy('vestibule', 'voice'));
    expect((await render(base, with_())).map(({ metadata }) => metadata.name)).toEqual(
      expect.arrayContaining(names),
    );
    await api.close();
    api = await serveDefinitions({});
    await render(base, with_());
  });
});

describe('the schema', () => {
  it.each<[Values, string]>([
    [{ replica: 3 }, "additional properties 'replica' not allowed"],
    [{ image: { tagg: '1' } }, "additional properties 'tagg' not allowed"],
    [{ database: { url: 'postgres://…' } }, "additional properties 'url' not allowed"],
    [{ database: { secret: { value: 'x' } } }, "additional properties 'value' not allowed"],
    [{ admin: { key: 'x' } }, "additional properties 'key' not allowed"],
    [{ networkPolicy: { egress: { databse: {} } } }, "additional properties 'databse' not allowed"],
    [{ monitoring: { dashboards: { enable: true } } }, "additional properties 'enable' not allowed"],
    [
      { jwt: { issuers: [{ issuer: 'x', audience: 'y', secret: 'z' }] } },
      "additional properties 'secret' not allowed",
    ],
    [{ jwt: { issuers: [{ issuer: 'x' }] } }, "missing property 'audience'"],
    [{ extraEnv: [{ name: 'X', val: 'y' }] }, "additional properties 'val' not allowed"],
    [{ image: { digest: 'sha256:abc' } }, '/image/digest'],
    [{ image: { pullPolicy: 'Sometimes' } }, '/image/pullPolicy'],
    [{ replicas: '3' }, '/replicas'],
    [{ replicas: -1 }, '/replicas'],
    [{ podDisruptionBudget: { maxUnavailable: 0 } }, '/podDisruptionBudget/maxUnavailable'],
    [{ podDisruptionBudget: { maxUnavailable: '100%' } }, '/podDisruptionBudget/maxUnavailable'],
    [{ topologySpread: { zones: 'on' } }, '/topologySpread/zones'],
    [{ drain: { delaySeconds: 0 } }, '/drain/delaySeconds'],
    [
      { commonLabels: { 'app.kubernetes.io/name': 'other' } },
      "invalid propertyName 'app.kubernetes.io/name'",
    ],
    [{ podLabels: { 'helm.sh/chart': 'other' } }, "invalid propertyName 'helm.sh/chart'"],
    [{ database: { pool: 2 } }, '/database/pool'],
    [{ database: { prepared: 'off' } }, '/database/prepared'],
    [{ addressLimit: '1200' }, '/addressLimit'],
    [{ logLevel: 'verbose' }, '/logLevel'],
    [{ trustProxy: ['10.0.0.1'] }, '/trustProxy/0'],
    [{ providerUrls: ['api.openai.com'] }, '/providerUrls/0'],
    [{ tracing: { ratio: 2 } }, '/tracing/ratio'],
    [{ tracing: { endpoint: 'collector:4318' } }, '/tracing/endpoint'],
    [{ listen: { port: 80 } }, '/listen/port'],
    [{ audit: { file: 'rows.jsonl' } }, '/audit/file'],
    [{ keyNamespace: { name: 'Keys' } }, '/keyNamespace/name'],
    [{ fullnameOverride: 'Voice_1' }, '/fullnameOverride'],
    [{ networkPolicy: { ingress: { api: [{}] } } }, '/networkPolicy/ingress/api/0'],
    [{ commonLabels: { a: 1 } }, '/commonLabels/a'],
  ])('refuses %j and names it', async (changes, named) => {
    const said = await refused(changes);
    expect(said).toContain("values don't meet the specifications of the schema");
    expect(said).toContain(named);
  });
});
