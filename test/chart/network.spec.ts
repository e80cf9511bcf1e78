import { changed, type Manifest, ofKind, only, render, valuesOf, type Values } from './support/helm.ts';
import { declaredRoutes } from '../support/declared-routes.ts';

const base = valuesOf('default');
const front = {
  ingress: { enabled: true, host: 'voice.example.com', tlsSecret: 'voice-tls' },
  httpRoute: { enabled: true, parentRefs: [{ name: 'public' }], hostnames: ['voice.example.com'] },
  trustProxy: ['10.0.0.0/8'],
};

interface Path {
  path: string;
  prefix: boolean;
}

/** With parameters filled in: `/session/x`. */
const routes = declaredRoutes().map(({ route, rule }) => {
  const [method = '', path = ''] = route.replaceAll(/:\w+/g, 'x').split(' ');
  // The page shows nothing without the admin key, and none of its data is where those routes are not.
  return { method, path, access: path === '/dashboard' ? 'admin' : rule?.kind };
});

/** As an Ingress and an HTTPRoute both mean it: whole elements of the path. */
function matches({ path, prefix }: Path, asked: string): boolean {
  return asked === path || (prefix && asked.startsWith(`${path}/`));
}

function ingressPaths(manifests: Manifest[]): Path[] {
  const paths = only(manifests, 'Ingress').spec.rules[0].http.paths as {
    path: string;
    pathType: string;
  }[];
  return paths.map(({ path, pathType }) => ({ path, prefix: pathType === 'Prefix' }));
}

function routePaths(manifests: Manifest[]): Path[] {
  const rules = only(manifests, 'HTTPRoute').spec.rules as {
    matches: { path: { type: string; value: string } }[];
  }[];
  return rules.flatMap(({ matches: each }) =>
    each.map(({ path }) => ({ path: path.value, prefix: path.type === 'PathPrefix' })),
  );
}

const reached = (paths: Path[]): string[] =>
  routes
    .filter(({ path }) => paths.some((each) => matches(each, path)))
    .map(({ method, path }) => `${method} ${path}`);
const routesOf = (isWanted: (access: string | undefined) => boolean): string[] =>
  routes.filter(({ access }) => isWanted(access)).map(({ method, path }) => `${method} ${path}`);

describe.each([
  ['an Ingress', 'ingress', ingressPaths],
  ['an HTTPRoute', 'httpRoute', routePaths],
] as const)('%s', (_what, value, pathsOf) => {
  it('leads to every route but those for admins', async () => {
    const paths = pathsOf(await render(changed(base, front)));
    expect(reached(paths).sort()).toEqual(routesOf((access) => access !== 'admin').sort());
  });

  it('leads to those, too, where the values say so', async () => {
    const paths = pathsOf(
      await render(changed(base, { ...front, [value]: { ...front[value], adminRoutes: true } })),
    );
    expect(reached(paths).sort()).toEqual(routesOf(() => true).sort());
  });

  it('has no path that leads to nothing, and none twice', async () => {
    const paths = pathsOf(
      await render(changed(base, { ...front, [value]: { ...front[value], adminRoutes: true } })),
    );
    expect(paths.filter((each) => !routes.some(({ path }) => matches(each, path)))).toEqual([]);
    expect(new Set(paths.map(({ path }) => path)).size).toBe(paths.length);
  });

  it('leads to the Service of the API', async () => {
    const manifests = await render(changed(base, front));
    const service = only(manifests, 'Service', 'vestibule');
    const text = JSON.stringify(only(manifests, value === 'ingress' ? 'Ingress' : 'HTTPRoute').spec);
    expect(text).toContain(`"name":"${service.metadata.name}"`);
    expect(text).not.toContain('-ops');
    expect(text).toContain('voice.example.com');
  });

  it('is not there by default', async () => {
    expect((await render(base)).map(({ kind }) => kind)).not.toContain(
      value === 'ingress' ? 'Ingress' : 'HTTPRoute',
    );
  });
});

describe('an Ingress with a certificate', () => {
  it('speaks TLS for its host, and without one does not', async () => {
    expect(only(await render(changed(base, front)), 'Ingress').spec.tls).toEqual([
      { hosts: ['voice.example.com'], secretName: 'voice-tls' },
    ]);
    const plain = changed(base, { ...front, ingress: { enabled: true, host: 'voice.example.com' } });
    expect(only(await render(plain), 'Ingress').spec).not.toHaveProperty('tls');
  });
});

interface Rule {
  from?: object[];
  to?: object[];
  ports: { port: number | string; protocol: string }[];
}

async function policy(
  suffix: string,
  changes: Values = {},
): Promise<{ ingress?: Rule[]; egress?: Rule[]; podSelector: Values }> {
  return only(await render(changed(base, changes)), 'NetworkPolicy', suffix).spec;
}

const named = (name: string): object => ({
  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } },
});
const ports = (rules: Rule[] | undefined): (number | string)[][] =>
  (rules ?? []).map((rule) => rule.ports.map(({ port }) => port));

describe('NetworkPolicies', () => {
  it('deny everything to every pod of the release', async () => {
    const { podSelector, ...denied } = await policy('-default-deny');
    expect(denied).toEqual({ policyTypes: ['Ingress', 'Egress'] });
    const manifests = await render(base);
    for (const kind of ['Deployment', 'Job'] as const) {
      expect(only(manifests, kind).spec.template.metadata.labels).toMatchObject(
        podSelector['matchLabels'] as object,
      );
    }
    expect(only(manifests, 'Pod').metadata.labels).toMatchObject(podSelector['matchLabels'] as object);
  });

  it('let the service be called on the API by ingress and test, on metrics by Prometheus', async () => {
    const { ingress } = await policy('-server');
    expect(ingress).toEqual([
      {
        from: [
          named('ingress-nginx'),
          {
            podSelector: { matchLabels: expect.objectContaining({ 'app.kubernetes.io/component': 'test' }) },
          },
        ],
        ports: [{ port: 'http', protocol: 'TCP' }],
      },
      { from: [named('monitoring')], ports: [{ port: 'ops', protocol: 'TCP' }] },
    ]);
  });

  it('let it call DNS, database, API server, provider and sealing controller, and a collector where there is one', async () => {
    const { egress } = await policy('-server');
    expect(ports(egress)).toEqual([[53, 53], [5432], [443, 6443], [443], [8080]]);
    expect(egress?.[0]?.to).toEqual([
      { ...named('kube-system'), podSelector: { matchLabels: { 'k8s-app': 'kube-dns' } } },
    ]);
    expect(egress?.[3]?.to).toContainEqual({
      ipBlock: { cidr: '0.0.0.0/0', except: expect.arrayContaining(['10.0.0.0/8', '169.254.0.0/16']) },
    });
    expect(egress?.[4]?.to).toEqual([named('kube-system')]);
    const collector = named('observability');
    const traced = await policy('-server', {
      tracing: { endpoint: 'http://collector:4318' },
      networkPolicy: { egress: { otlp: { peers: [collector] } } },
    });
    expect(traced.egress?.at(-1)).toMatchObject({ to: [collector], ports: [{ port: 4317 }, { port: 4318 }] });
  });

  it('take every peer and port from the values', async () => {
    const peer = (name: string): object => named(name);
    const { ingress, egress } = await policy('-server', {
      networkPolicy: {
        ingress: { api: [peer('a')], ops: [peer('b')] },
        egress: {
          dns: [peer('c')],
          database: { peers: [peer('d')], ports: [6432] },
          apiServer: { peers: [peer('e')], ports: [6443] },
          provider: { peers: [peer('f')], ports: [8443] },
          sealing: { peers: [peer('g')], ports: [8081] },
          extra: [{ to: [peer('h')] }],
        },
      },
    });
    expect(ingress?.map(({ from }) => from?.[0])).toEqual([peer('a'), peer('b')]);
    expect(egress?.map(({ to }) => to?.[0])).toEqual(['c', 'd', 'e', 'f', 'g', 'h'].map(peer));
    expect(ports(egress?.slice(0, -1))).toEqual([[53, 53], [6432], [6443], [8443], [8081]]);
  });

  it('follow the sealing controller to its namespace', async () => {
    const { egress } = await policy('-server', { sealing: { controller: { namespace: 'sealing' } } });
    expect(egress?.[4]?.to).toEqual([named('sealing')]);
  });

  it('have no rule for an empty list, which would mean everybody', async () => {
    const nobody = { peers: [] };
    const { ingress, egress } = await policy('-server', {
      networkPolicy: {
        ingress: { api: [], ops: [] },
        egress: { dns: [], database: nobody, apiServer: nobody, provider: nobody, sealing: nobody },
      },
    });
    expect(ingress?.map(({ from }) => from)).toEqual([
      [{ podSelector: { matchLabels: expect.objectContaining({ 'app.kubernetes.io/component': 'test' }) } }],
    ]);
    expect(egress ?? []).toEqual([]);
  });

  it('let the migration reach the database and the test the service, and be called by nobody', async () => {
    const migrate = await policy('-migrate');
    expect(migrate).not.toHaveProperty('ingress');
    expect(ports(migrate.egress)).toEqual([[53, 53], [5432]]);
    const test = await policy('-test');
    expect(test).not.toHaveProperty('ingress');
    expect(ports(test.egress)).toEqual([[53, 53], ['http']]);
  });

  it('are renewed before the migration that they are for', async () => {
    const manifests = await render(base);
    const weight = (manifest: Manifest): number =>
      Number(manifest.metadata.annotations?.['helm.sh/hook-weight']);
    expect(weight(only(manifests, 'NetworkPolicy', '-migrate'))).toBeLessThan(weight(only(manifests, 'Job')));
  });

  it('are not there when they are off', async () => {
    expect(
      ofKind(await render(changed(base, { networkPolicy: { enabled: false } })), 'NetworkPolicy'),
    ).toEqual([]);
  });
});
