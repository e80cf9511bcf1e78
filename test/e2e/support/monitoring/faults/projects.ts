import { randomUUID } from 'node:crypto';
import { fingerprintOf } from '../../../../simulator/simulator.ts';
import { CLIENT, DEPLOYMENT, INSIDE, OF, type Stage } from '../stage.ts';
import { sessionsOf, type Stream } from '../traffic.ts';
import type { Fault } from './fault.ts';

const KEYLESS = 'proj_keyless';

const fingerprintFor = (stage: Stage, id: string): string => fingerprintOf(stage.keys.get(id)!);
const held = (id: string): Stream => ({ ...sessionsOf(id, 1), base: INSIDE, hold: true });

/** A kept answer that no longer opens, and its request again. */
async function damageKeptAnswer(stage: Stage): Promise<void> {
  const headers = { 'idempotency-key': randomUUID() };
  await stage.open(OF.damaged, headers);
  await stage.sql(
    'UPDATE idempotency SET sealed_answer = set_byte(sealed_answer, 99, 255 - get_byte(sealed_answer, 99))',
  );
  expect((await stage.open(OF.damaged, headers)).status).toBe(500);
}

/** Each at another project, so that every alert says of which it is. */
export const PROJECT_FAULTS: readonly Fault[] = [
  {
    what: 'everything is wrong with projects that can be, each with another, and an admin key is guessed',
    begin: async (stage) => {
      await stage.ask({ path: '/projects', headers: { 'x-admin-api-key': randomUUID() } });
      await stage.putProject(KEYLESS);
      await stage.putProject(OF.quota, { limits: { sessionsPerMonth: 0 } });
      await stage.putProject(OF.full, { session: { maxConcurrent: 1 } });
      await stage.removeKey(OF.missing);
      await stage.simulator('POST', 'revoked', { key_fingerprint: fingerprintFor(stage, OF.rejected) });
      const limit = { kind: 'status', status: 429, key_fingerprint: fingerprintFor(stage, OF.limited) };
      await stage.simulator('POST', 'faults', [limit]);
      await damageKeptAnswer(stage);
      await stage.open(OF.rejected);
    },
    traffic: async (stage) => {
      const token = (await stage.kubectl('exec', DEPLOYMENT, '--', 'vestibule', 'token', CLIENT)).trim();
      const asClient = {
        base: INSIDE,
        perSecond: 0.1,
        body: {},
        headers: { authorization: `Bearer ${token}` },
      };
      const asNobody = held('proj_nobody');
      return [asClient, asNobody, held(OF.full), { ...held(OF.quota), perSecond: 0.1 }, held(OF.limited)];
    },
    end: async (stage) => {
      await stage.simulator('DELETE', 'faults');
      await stage.simulator('DELETE', 'revoked');
      await stage.removeProject(KEYLESS);
      await stage.putProject(OF.quota);
      await stage.putProject(OF.full);
      await stage.putKey(OF.missing);
    },
    fires: [
      'AdminKeyGuessed',
      `Defect ${OF.damaged}`,
      `ErrorRate ${OF.full}`,
      `ErrorRate ${OF.limited}`,
      `KeyMissing ${OF.missing}`,
      `KeyRejected ${OF.rejected}`,
      `ProjectFull ${OF.full}`,
      `ProjectWithoutKey ${KEYLESS}`,
      `ProjectWithoutKey ${OF.missing}`,
      `ProviderLimits ${OF.limited}`,
      `QuotaUsedUp ${OF.quota}`,
    ],
    withinMs: 120_000,
  },
];
