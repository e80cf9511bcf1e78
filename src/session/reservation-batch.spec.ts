import { sharedOf, toAnswers } from './reservation-batch.ts';
import type { Reservation } from './session-store.ts';

const WINDOW = { scope: 'project', subject: 'w', requests: 10, seconds: 60 } as const;

function aReservation(more: Partial<Reservation> = {}): Reservation {
  return {
    session_id: 'ses_1',
    project_hash: 'p',
    client: undefined,
    flow: 'vault',
    model: 'm',
    voice: undefined,
    key_fingerprint: 'sha256:0',
    lease_token_hash: '00',
    lease_seconds: 60,
    opening_seconds: 15,
    max_duration_seconds: 3_600,
    cap: 5,
    vault_cap: 4,
    client_cap: 5,
    windows: [WINDOW],
    quota: undefined,
    idempotency: undefined,
    event: {} as Reservation['event'],
    ...more,
  };
}

const sumOf = (...items: Reservation[]): unknown => JSON.parse(sharedOf(items).shared ?? 'null');

describe('what a batch takes together', () => {
  it('is added up by project, window and quota, in the order in which they are met', () => {
    const client = {
      flow: 'commercial',
      client: 'c',
      windows: [{ ...WINDOW, scope: 'client' as const }],
    } as const;
    const items = [
      aReservation({ project_hash: 'q' }),
      aReservation({ ...client, windows: [...client.windows], quota: { subject: 'c', limit: 7 } }),
      aReservation(),
      aReservation({ ...client, windows: [...client.windows], quota: { subject: 'c', limit: 7 } }),
    ];
    expect(sharedOf(items).projects).toBe('{q,p}');
    expect(sumOf(...items)).toEqual({
      projects: [
        { hash: 'q', n: 1, by_vault: 1, cap: 5, vault_cap: 4 },
        { hash: 'p', n: 3, by_vault: 1, cap: 5, vault_cap: 4 },
      ],
      windows: [
        { ...WINDOW, n: 2 },
        { ...WINDOW, scope: 'client', n: 2 },
      ],
      quotas: [{ subject: 'c', max: 7, n: 2 }],
    });
  });

  const key = { key_hash: '01', body_hash: '02' };
  it.each<[string, Partial<Reservation>, Partial<Reservation>]>([
    ['a client has a cap below its project’s', { flow: 'commercial', client: 'c', client_cap: 4 }, {}],
    ['two were asked under different caps', { cap: 6, client_cap: 6 }, {}],
    ['two were asked under different caps of the vault flow', { vault_cap: 3 }, {}],
    ['two were asked under different limits of a window', { windows: [{ ...WINDOW, requests: 9 }] }, {}],
    ['two were asked under different lengths of a window', { windows: [{ ...WINDOW, seconds: 59 }] }, {}],
    [
      'two were asked under different quotas',
      { quota: { subject: 'c', limit: 1 } },
      { quota: { subject: 'c', limit: 2 } },
    ],
    ['one repeats another’s Idempotency-Key', { idempotency: key }, { idempotency: key }],
  ])('cannot be told when %s', (_what, one, other) => {
    expect(sumOf(aReservation(other), aReservation(one))).toBeNull();
  });

  it('is counted on from what was there before, for each in its place', () => {
    const items = [
      aReservation(),
      aReservation({ project_hash: 'q', windows: [{ ...WINDOW, subject: 'v' }] }),
      aReservation(),
    ];
    const before = { reserved_at: 100.5, taken: [1, 7] };
    const windows: [number, number][] = [
      [3, 130.2],
      [0, 160],
    ];
    const answers = toAnswers(items, { ...before, windows });
    expect(answers.map(({ verdict, activeSessions, limit }) => [verdict, activeSessions, limit])).toEqual([
      ['reserved', 2, { limit: 10, remaining: 6, resetAt: 131 }],
      ['reserved', 8, { limit: 10, remaining: 9, resetAt: 160 }],
      ['reserved', 3, { limit: 10, remaining: 5, resetAt: 131 }],
    ]);
    expect(answers[0]).toMatchObject({ reservedAt: 100.5, retryAt: undefined, sealedAnswer: undefined });
  });
});
