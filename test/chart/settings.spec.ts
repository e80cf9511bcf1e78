import { readFileSync } from 'node:fs';
import { loadSettings } from '../../src/config/load-settings.ts';
import { declarations } from '../../src/config/settings.ts';
import type { Setting } from '../../src/config/setting.ts';
import { changed, type Manifest, only, podsOf, render, valuesOf } from './support/helm.ts';

const base = valuesOf('default');
const full = valuesOf('full');
const settings = Object.values<Setting<unknown>>(declarations);
/** Of a vault that a cluster does not have, and of tests: in production it can only be what it is. */
const NOT_OF_A_CLUSTER = ['VESTIBULE_DIR', 'VESTIBULE_TURN_CLOUDFLARE_URL'];

interface Variable {
  name: string;
  value?: string;
  valueFrom?: object;
}
interface Source {
  secret?: { name: string; items: { key: string; path: string }[] };
  configMap?: { name: string; items: { key: string; path: string }[] };
}

const variables = (pod: Manifest): Variable[] => pod.spec.containers[0].env as Variable[];
const valueOf = (pod: Manifest, name: string): string | undefined =>
  variables(pod).find((variable) => variable.name === name)?.value;
const sources = (pod: Manifest): Source[] =>
  (pod.spec.volumes as { name: string; projected: { sources: Source[] } }[]).find(
    ({ name }) => name === 'settings',
  )!.projected.sources;

/** The setting that a variable gives, by itself or by the name of a file. */
function settingOf(name: string): string {
  return (
    settings.find(({ env, secret }) => env === name || (secret === true && `${env}_FILE` === name))?.env ??
    name
  );
}

/** The service's pods. */
async function server(values = base): Promise<Manifest> {
  return only(await render(values), 'Deployment').spec.template as Manifest;
}

describe('the environment', () => {
  it('is what the program knows', async () => {
    const known = settings.map(({ env }) => env);
    const observability = readFileSync('docs/observability.md', 'utf8');
    const own = (pod: Manifest): string[] => variables(pod).map(({ name }) => name);
    const [deployment, job] = await Promise.all([
      server(full),
      render(full).then((manifests) => only(manifests, 'Job').spec.template as Manifest),
    ]);
    const given = [...own(deployment).slice(2), ...own(job)];
    expect(given.length).toBeGreaterThan(20);
    for (const name of given) {
      if (name.startsWith('OTEL_')) expect(observability).toContain(`\`${name}\``);
      else expect(known).toContain(settingOf(name));
    }
  });

  it('has every setting, by a value of the chart', async () => {
    const given = podsOf(await render(full))
      .flatMap(variables)
      .map(({ name }) => settingOf(name));
    const missing = settings.map(({ env }) => env).filter((env) => !given.includes(env));
    expect(missing).toEqual(NOT_OF_A_CLUSTER);
  });

  it('leaves what nobody set as the program has it', async () => {
    const pod = await server();
    const differing = settings.filter(
      ({ env, default: value }) => value !== undefined && (valueOf(pod, env) ?? value) !== value,
    );
    expect(differing.map(({ env }) => env)).toEqual([
      'NODE_ENV',
      'HOST',
      'VESTIBULE_DRAIN_SECONDS',
      'VESTIBULE_VAULT',
    ]);
  });

  it.each([
    ['least', base],
    ['all', full],
  ])('of the %s values is taken by the program', async (_which, values) => {
    const pod = await server(values);
    // Not the files of secrets, which are not here.
    const given = variables(pod).filter(({ name }) => settingOf(name) === name);
    const environment = Object.fromEntries(given.map(({ name, value }) => [name, value]));
    expect(loadSettings(environment)).toMatchObject({
      production: true,
      vault: 'kubernetes',
      namespace: 'voice',
      keyNamespace: 'voice-keys',
      host: '0.0.0.0',
    });
  });

  it('says what the values say', async () => {
    const pod = await server(full);
    const says = Object.fromEntries(variables(pod).map(({ name, value }) => [name, value]));
    expect(says).toMatchObject({
      VESTIBULE_TOKEN_REVIEW: 'on',
      VESTIBULE_PROVIDER_URLS: 'https://api.openai.com/v1,https://gateway.example.com/v1',
      VESTIBULE_HOSTS: 'voice.example.com',
      VESTIBULE_TRUST_PROXY: '10.0.0.0/8',
      VESTIBULE_AUDIT_FILE: '/var/log/vestibule/$(POD_NAME).jsonl',
      VESTIBULE_AUDIT_FILE_REQUIRED: 'on',
      VESTIBULE_SEALING_CERT: '/etc/vestibule/sealing.crt',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.observability:4318',
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.05',
    });
    expect(loadSettings({ VESTIBULE_JWT_ISSUERS: says['VESTIBULE_JWT_ISSUERS'] }).jwtIssuers).toMatchObject([
      { issuer: 'https://idp.example.com', audience: 'vestibule' },
    ]);
    const pooled = await server(changed(base, { database: { prepared: false, pool: 20 } }));
    expect([valueOf(pooled, 'VESTIBULE_DB_PREPARED'), valueOf(pooled, 'VESTIBULE_DB_POOL')]).toEqual([
      'off',
      '20',
    ]);
  });

  it('begins with the operator’s, so that ours may name it', async () => {
    expect(variables(await server(full))[0]).toMatchObject({ name: 'POD_NAME' });
  });

  it('is free of Services’ variables, some of which would begin like ours', async () => {
    for (const pod of podsOf(await render(full))) expect(pod.spec.enableServiceLinks).toBe(false);
  });
});

describe('a secret', () => {
  it('is a file of a Secret that exists already, where the program looks for it', async () => {
    for (const pod of podsOf(await render(full)).filter(({ kind }) => kind !== 'Pod')) {
      const files = sources(pod).flatMap(({ secret, configMap }) => (secret ?? configMap)!.items);
      const [mount] = pod.spec.containers[0].volumeMounts as { mountPath: string; readOnly: boolean }[];
      expect(mount).toMatchObject({ mountPath: '/etc/vestibule', readOnly: true });
      const paths = files.map(({ path }) => `/etc/vestibule/${path}`);
      const named = variables(pod)
        .filter(({ name }) => settingOf(name) !== name || name === 'VESTIBULE_SEALING_CERT')
        .map(({ value }) => value);
      // The URL names the CA.
      expect(paths.sort()).toEqual([...named, '/etc/vestibule/database-ca.crt'].sort());
    }
  });

  it('is taken from the entry that the values name', async () => {
    const manifests = await render(full);
    const deployment = only(manifests, 'Deployment').spec.template as Manifest;
    expect(sources(deployment)).toContainEqual({
      secret: { name: 'vestibule-database', items: [{ key: 'uri', path: 'database-url' }] },
    });
    expect(sources(deployment)).toContainEqual({
      configMap: { name: 'database-ca', items: [{ key: 'ca.crt', path: 'database-ca.crt' }] },
    });
    const inSecret = await server(changed(base, { database: { ca: { secret: 'ca', key: 'tls.crt' } } }));
    expect(sources(inSecret)).toContainEqual({
      secret: { name: 'ca', items: [{ key: 'tls.crt', path: 'database-ca.crt' }] },
    });
  });

  it('of the schema’s owner reaches the migration alone', async () => {
    const manifests = await render(full);
    const names = (kind: string): string[] =>
      sources(only(manifests, kind).spec.template as Manifest).flatMap(({ secret }) => secret?.name ?? []);
    expect(names('Job')).toEqual(['vestibule-database', 'vestibule-database-owner']);
    expect(names('Deployment')).not.toContain('vestibule-database-owner');
  });

  it('is in no environment but by reference, and nothing rendered is a Secret', async () => {
    const manifests = await render(full);
    expect(manifests.map(({ kind }) => kind)).not.toContain('Secret');
    const secrets = settings.filter(({ secret }) => secret === true).map(({ env }) => env);
    for (const { name, value } of podsOf(manifests).flatMap(variables)) {
      expect(secrets).not.toContain(name);
      if (name === 'OTEL_EXPORTER_OTLP_HEADERS') expect(value).toBeUndefined();
    }
  });

  it('can be read by the service’s group alone', async () => {
    for (const pod of podsOf(await render(base)).filter(({ kind }) => kind !== 'Pod')) {
      const [volume] = pod.spec.volumes as { projected: { defaultMode: number } }[];
      expect(volume!.projected.defaultMode).toBe(0o440);
      expect(pod.spec.securityContext.fsGroup).toBe(65_532);
    }
  });
});
