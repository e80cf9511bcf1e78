import { CLIENT, DEPLOYMENT, INSIDE, type Stage, VALUES } from '../stage.ts';
import { PROJECT } from '../../installation.ts';
import { sessionsOf } from '../traffic.ts';
import { startLiar } from '../extra-pods.ts';
import { PATIENT_FACTOR } from '../prometheus-pod.ts';
import type { Fault } from './fault.ts';

const REPLICAS = 2;
/** 2 ms in 100: less than it takes for what it is asked then, so that one turn of its event loop lasts several of these. */
const LITTLE_CPU = '20m';
/** A row each: with them the 16 MiB that may wait for the file are full within three minutes. */
const TOKENS_PER_SECOND = 180;

const scaleTo = (stage: Stage, replicas: number): Promise<string> =>
  stage.kubectl('scale', DEPLOYMENT, `--replicas=${replicas}`);

/** In place: a pod that starts with so little would never be ready. */
async function giveCpu(stage: Stage, cpu: string): Promise<void> {
  const [first] = await stage.servers();
  const resources = { requests: { cpu: LITTLE_CPU }, limits: { cpu } };
  const patch = { spec: { containers: [{ name: 'vestibule', resources }] } };
  await stage.kubectl('patch', 'pod', first!.name, '--subresource=resize', '-p', JSON.stringify(patch));
}

/** On the medium of one replica's audit file. */
async function fillAuditMedium(stage: Stage): Promise<void> {
  const [first] = await stage.servers();
  const fill = `const { openSync, writeSync } = require('node:fs');
    const file = openSync('/audit/filler', 'w'), piece = Buffer.alloc(64 * 1024);
    try { for (let written = 0; written < 1024; written += 1) writeSync(file, piece); } catch (error) {
      if (error.code !== 'ENOSPC') throw error;
    }`;
  await stage.kubectl('exec', first!.name, '--', 'node', '-e', fill);
}

async function clearAuditMedium(stage: Stage): Promise<void> {
  const [first] = await stage.servers();
  const clear = `require('node:fs').unlinkSync('/audit/filler')`;
  await stage.kubectl('exec', first!.name, '--', 'node', '-e', clear);
}

const LIES = [
  `sessions_total{project="${PROJECT}",flow="vault",outcome="created"} 5`,
  `vault_hits_total{project="${PROJECT}",flow="vault"} 4`,
  'audit_events_total{event="session_created"} 3',
];

export const REPLICA_FAULTS: readonly Fault[] = [
  // Comes first: its time passes so slowly that what others leave behind would be waited for.
  {
    what: 'a replica has next to no CPU',
    begin: (stage) => giveCpu(stage, LITTLE_CPU),
    traffic: async (stage) => [{ ...sessionsOf(PROJECT, 5), base: await stage.baseOfOne() }],
    end: (stage) => giveCpu(stage, VALUES.resources.limits.cpu),
    fires: ['EventLoopBlocked server'],
    // What it does is late. At first, while nothing is compiled yet, so late that the database's answers are in vain, and
    // that its callers get no sessions.
    mayFire: [
      ...['DatabaseAway', 'Unavailable', 'AvailabilityBurnsFast', 'LatencyBurnsFast', 'Slow'],
      ...[`ReplicasDisagree ${PROJECT}`, `ErrorRate ${PROJECT}`],
    ],
    // They remember half an hour, which is two and a half minutes here.
    lingers: ['AvailabilityBurnsFast', 'LatencyBurnsFast'],
    factor: PATIENT_FACTOR,
    withinMs: 150_000,
  },
  {
    what: 'there is no replica',
    begin: (stage) => scaleTo(stage, 0),
    end: async (stage) => {
      await scaleTo(stage, REPLICAS);
      await stage.rolledOut();
    },
    fires: ['Down'],
  },
  {
    what: 'a new version does not start',
    begin: (stage) => stage.kubectl('set', 'env', DEPLOYMENT, 'LOG_LEVEL=loud'),
    end: async (stage) => {
      await stage.kubectl('rollout', 'undo', DEPLOYMENT);
      await stage.rolledOut();
    },
    fires: ['ReplicaDown server'],
  },
  {
    what: 'one address asks all the time, and many callers bring nothing',
    begin: () => Promise.resolve(),
    traffic: () => [
      { base: INSIDE, method: 'GET', path: '/health', perSecond: 200, addresses: 1 },
      { base: INSIDE, perSecond: 20, body: { project_id: 'proj_nobody' } },
    ],
    end: () => Promise.resolve(),
    fires: ['Flooded', 'RejectsMany'],
  },
  {
    what: 'the medium of an audit file is full, and so is what waits for it in memory',
    begin: fillAuditMedium,
    traffic: async (stage) => [
      {
        base: await stage.baseOfOne(),
        path: `/clients/${CLIENT}/token`,
        headers: { 'x-admin-api-key': await stage.installation.adminKey() },
        body: {},
        perSecond: TOKENS_PER_SECOND,
      },
    ],
    end: clearAuditMedium,
    fires: ['AuditFile server', 'AuditFileDropsRows server'],
    withinMs: 240_000,
  },
  // These two cannot happen, which is what they are for: only somebody who is no replica can show it.
  {
    what: 'what shows itself as a replica opened sessions without a key from the vault, and more than are in the audit',
    begin: (stage) => startLiar(stage.installation.namespace, LIES),
    end: (stage) => stage.kubectl('delete', 'pod', 'liar'),
    fires: ['KeyNotFromVault', 'SessionNotAudited liar'],
  },
];
