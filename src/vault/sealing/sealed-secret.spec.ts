import type { KubeObject } from '../../kubernetes/cluster.ts';
import {
  certificateAnnotation,
  isUnsealed,
  newSealedSecret,
  scopeOf,
  sealedEntryPatch,
  sealedKeys,
  unsealingProblem,
} from './sealed-secret.ts';

const NAMESPACE_WIDE = 'sealedsecrets.bitnami.com/namespace-wide';
const CLUSTER_WIDE = 'sealedsecrets.bitnami.com/cluster-wide';
const GENERATION = 3;

interface Given {
  annotations?: Record<string, string>;
  spec?: unknown;
  status?: unknown;
}

function aSealedSecret({ annotations, spec, status }: Given = {}): KubeObject {
  return {
    metadata: {
      name: 'shop-key',
      uid: 'u-1',
      resourceVersion: '1',
      generation: GENERATION,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(annotations && { annotations }),
    },
    spec,
    status,
  };
}

describe('what a value is sealed for', () => {
  it.each<[string, string, Record<string, string> | undefined]>([
    ['one name in one namespace', 'keys/shop-key', undefined],
    ['one name in one namespace, whatever other annotations say', 'keys/shop-key', { note: 'true' }],
    ['all of its namespace, if it was made so', 'keys', { [NAMESPACE_WIDE]: 'true' }],
    ['all of the cluster, if it was made so', '', { [CLUSTER_WIDE]: 'true' }],
    ['the wider of two', '', { [CLUSTER_WIDE]: 'true', [NAMESPACE_WIDE]: 'true' }],
    ['one name, where a wider scope is switched off', 'keys/shop-key', { [CLUSTER_WIDE]: 'false' }],
  ])('is %s', (_what, scope, annotations) => {
    const existing = aSealedSecret({ ...(annotations && { annotations }) });
    expect(scopeOf('keys', 'shop-key', existing)).toBe(scope);
  });

  it('is one name in one namespace, for a new one', () => {
    expect(scopeOf('keys', 'shop-key', undefined)).toBe('keys/shop-key');
  });
});

describe('a SealedSecret', () => {
  const about = { namespace: 'keys', name: 'shop-key' };
  const entry = { key: 'apiKey', sealed: 'c2VhbGVk', certificateFingerprint: 'sha256:0011223344556677' };

  it('has one entry, tells its certificate and makes a Secret that the vault reads', () => {
    const { metadata, spec } = newSealedSecret(about, entry);
    const where = { name: 'shop-key', namespace: 'keys' };
    expect(metadata).toEqual({
      ...where,
      annotations: { 'sealed-by.vestibule.dev/apiKey': 'sha256:0011223344556677' },
    });
    expect(spec).toEqual({
      encryptedData: { apiKey: 'c2VhbGVk' },
      template: { metadata: { ...where, labels: { 'vestibule.dev/vault': 'true' } }, type: 'Opaque' },
    });
  });

  it('that exists gets the entry and the label, and keeps its type and all else', () => {
    expect(sealedEntryPatch(entry)).toEqual({
      metadata: { annotations: { 'sealed-by.vestibule.dev/apiKey': 'sha256:0011223344556677' } },
      spec: {
        encryptedData: { apiKey: 'c2VhbGVk' },
        template: { metadata: { labels: { 'vestibule.dev/vault': 'true' } } },
      },
    });
  });

  it.each(['.hidden', 'x'.repeat(64), 'ends-'])(
    'tells no certificate of the entry %s, which cannot name an annotation',
    (key) => {
      expect(certificateAnnotation(key)).toBeUndefined();
      expect(sealedEntryPatch({ ...entry, key })).toMatchObject({ metadata: { annotations: {} } });
    },
  );

  it.each([
    ['its entries', { encryptedData: { apiKey: 'a', other: 'b' } }, ['apiKey', 'other']],
    ['none without entries', {}, []],
    ['none of what is no map', { encryptedData: 'a' }, []],
    ['none without a spec', undefined, []],
  ])('shows %s', (_what, spec, keys) => {
    expect(sealedKeys(aSealedSecret({ spec }))).toEqual(keys);
  });
});

describe('why a SealedSecret was not unsealed', () => {
  const synced = (status: string, message?: unknown): object => ({ type: 'Synced', status, message });
  const said = (observedGeneration: unknown, ...conditions: unknown[]): object => ({
    observedGeneration,
    conditions,
  });

  it.each<[string, unknown, string | undefined]>([
    ['is what the controller says', said(GENERATION, synced('False', 'no key')), 'no key'],
    [
      'is found among its conditions',
      said(GENERATION, { type: 'Other', status: 'False', message: 'another' }, synced('False', 'no key')),
      'no key',
    ],
    ['is bounded', said(GENERATION, synced('False', 'x'.repeat(5_000))), 'x'.repeat(200)],
    [
      'is one line of text',
      said(GENERATION, synced('False', ' no\r\n\u001b[31m\tkey\u202e ')),
      'no [31m key',
    ],
    ['is said not to be given where it is not', said(GENERATION, synced('False')), 'no reason given'],
    [
      'is unknown where an older one was looked at',
      said(GENERATION - 1, synced('False', 'no key')),
      undefined,
    ],
    ['is unknown where no generation is named', said(undefined, synced('False', 'no key')), undefined],
    ['is nothing once it was unsealed', said(GENERATION, synced('True')), undefined],
    ['is unknown while it is not decided', said(GENERATION, synced('Unknown', 'wait')), undefined],
    ['is unknown without conditions', { observedGeneration: GENERATION }, undefined],
    ['is unknown with conditions that are none', said(GENERATION, 'Synced', null), undefined],
    ['is unknown without a status', undefined, undefined],
  ])('%s', (_what, status, problem) => {
    expect(unsealingProblem(aSealedSecret({ status }))).toBe(problem);
  });
});

it('is unsealed when the controller says so of this generation', () => {
  const said = (observedGeneration: number, status: string): KubeObject =>
    aSealedSecret({ status: { observedGeneration, conditions: [{ type: 'Synced', status }] } });
  expect(isUnsealed(said(GENERATION, 'True'))).toBe(true);
  expect([said(GENERATION, 'False'), said(GENERATION - 1, 'True'), aSealedSecret()].map(isUnsealed)).toEqual([
    false,
    false,
    false,
  ]);
});
