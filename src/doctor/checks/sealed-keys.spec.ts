import type { KubeObject } from '../../kubernetes/cluster.ts';
import { judgeSealedKeys } from './sealed-keys.ts';

const CERTIFICATE = { fingerprint: 'sha256:00000000000000aa', notBefore: Date.parse('2026-03-01T00:00:00Z') };
const BEFORE = '2026-02-28T23:59:59Z';
const AFTER = '2026-03-01T00:00:01Z';
const OLDER = 'sha256:00000000000000bb';

interface Sealed {
  annotated?: string;
  createdAt?: string;
  writes?: { manager: string; time: string; field?: string }[];
  label?: string;
  /** Whether it has an entry of which nothing says who sealed it. */
  others?: boolean;
  status?: unknown;
}

function aSealedSecret({
  annotated,
  createdAt = AFTER,
  writes = [],
  label = 'true',
  status,
  others = false,
}: Sealed = {}): KubeObject {
  return {
    metadata: {
      name: 'one-key',
      uid: 'uid',
      resourceVersion: '7',
      generation: 2,
      creationTimestamp: createdAt,
      ...(annotated !== undefined && { annotations: { 'sealed-by.vestibule.dev/apiKey': annotated } }),
      managedFields: writes.map(({ manager, time, field = 'f:encryptedData' }) => ({
        manager,
        time,
        fieldsV1: { 'f:spec': { [field]: {} } },
      })),
    },
    spec: {
      encryptedData: { apiKey: '', ...(others && { other: '' }) },
      template: { metadata: { labels: { 'vestibule.dev/vault': label } } },
    },
    status,
  };
}

const failedAt = (observedGeneration: number): unknown => ({
  observedGeneration,
  conditions: [{ type: 'Synced', status: 'False', message: 'no key could decrypt it' }],
});

describe('the judgement on sealed keys', () => {
  it.each<[string, Sealed]>([
    ['ours of today', { annotated: CERTIFICATE.fingerprint }],
    ['ours of today, made long ago', { annotated: CERTIFICATE.fingerprint, createdAt: BEFORE }],
    ['another’s of today', {}],
    ['another’s, sealed again today', { createdAt: BEFORE, writes: [{ manager: 'kubectl', time: AFTER }] }],
    [
      'ours, sealed again by another today',
      {
        annotated: OLDER,
        createdAt: BEFORE,
        writes: [
          { manager: 'vestibule', time: BEFORE },
          { manager: 'kubectl', time: AFTER },
        ],
      },
    ],
    ['one that failed before its last change', { status: failedAt(1) }],
  ])('finds nothing wrong with %s', (_what, sealed) => {
    expect(judgeSealedKeys([aSealedSecret(sealed)], CERTIFICATE)).toMatchObject([
      { status: 'ok', message: expect.stringMatching(/^1 SealedSecrets are unsealed, all sealed by/) },
    ]);
  });

  it.each<[string, Sealed, string, RegExp, RegExp]>([
    [
      'ours of an older certificate',
      { annotated: OLDER, writes: [{ manager: 'vestibule', time: AFTER }] },
      'warning',
      /older certificate/,
      /projects\/key\/rotate/,
    ],
    [
      'another’s that is older than the certificate',
      { createdAt: BEFORE },
      'warning',
      /older certificate/,
      /--re-encrypt/,
    ],
    [
      'another’s of which only the template changed since',
      { createdAt: BEFORE, writes: [{ manager: 'kubectl', time: AFTER, field: 'f:template' }] },
      'warning',
      /older certificate/,
      /--re-encrypt/,
    ],
    [
      'one of whose entries one was sealed today',
      { annotated: CERTIFICATE.fingerprint, others: true, createdAt: BEFORE },
      'warning',
      /older certificate/,
      /projects\/key\/rotate/,
    ],
    [
      'one that cannot be unsealed',
      { status: failedAt(2) },
      'error',
      /not unsealed: no key could decrypt it$/,
      /seal it again/,
    ],
    [
      'one without label',
      { label: 'false' },
      'warning',
      /without the label vestibule\.dev\/vault/,
      /template\.metadata\.labels/,
    ],
  ])('finds %s', (_what, sealed, status, message, fix) => {
    expect(judgeSealedKeys([aSealedSecret(sealed)], CERTIFICATE)).toEqual([
      {
        status,
        message: expect.stringMatching(new RegExp(`^SealedSecret/one-key .*${message.source}`)),
        fix: expect.stringMatching(fix),
      },
    ]);
  });

  it('says nothing of certificates when there is none to compare with', () => {
    const found = judgeSealedKeys([aSealedSecret({ annotated: OLDER, createdAt: BEFORE })], undefined);
    expect(found).toMatchObject([{ status: 'ok', message: expect.stringMatching(/cannot be told/) }]);
  });
});
