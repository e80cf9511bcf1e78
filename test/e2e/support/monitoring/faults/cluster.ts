import { LEASE_NAME } from '../../../../../src/kubernetes/permissions.ts';
import { FULL_NAME } from '../../installation.ts';
import { PROXY } from '../extra-pods.ts';
import { OF, type Stage } from '../stage.ts';
import type { Fault } from './fault.ts';

/** What the service may do in its own namespace. */
const ROLE = `${FULL_NAME}-configuration`;

interface Role {
  rules: { resources: string[] }[];
}

let kept: Role['rules'] = [];

/** All of them without these resources. */
async function withoutStatus(stage: Stage): Promise<void> {
  const role = JSON.parse(await stage.kubectl('get', 'role', ROLE, '-o', 'json')) as Role;
  const rules = role.rules.filter(({ resources }) => !resources.some((one) => one.endsWith('/status')));
  expect(rules.length).toBeLessThan(role.rules.length);
  kept = role.rules;
  await stage.kubectl('patch', 'role', ROLE, '--type=merge', '-p', JSON.stringify({ rules }));
}

/** Each has something to say in its status. */
async function changeProjects(stage: Stage): Promise<void> {
  for (const id of Object.values(OF)) await stage.putProject(id, { session: { maxConcurrent: 999 } });
}

export const CLUSTER_FAULTS: readonly Fault[] = [
  {
    what: 'the API server cannot be reached',
    begin: (stage) => stage.kubectl('scale', `deployment/${PROXY}`, '--replicas=0'),
    end: async (stage) => {
      await stage.kubectl('scale', `deployment/${PROXY}`, '--replicas=1');
      await stage.kubectl('rollout', 'status', `deployment/${PROXY}`, '--timeout=60s');
    },
    fires: ['NoLeader', 'VaultStale server'],
    // The leader leads for 6 s more, and tries to write: that is six minutes here.
    mayFire: ['StatusBacklog'],
  },
  {
    what: 'a stranger holds the Lease',
    begin: (stage) => {
      const spec = { holderIdentity: 'stranger', renewTime: new Date().toISOString().replace('Z', '000Z') };
      return stage.kubectl('patch', 'lease', LEASE_NAME, '--type=merge', '-p', JSON.stringify({ spec }));
    },
    // Who does not renew it loses it.
    end: () => Promise.resolve(),
    fires: ['NoLeader'],
  },
  {
    what: 'the service may not write status',
    begin: async (stage) => {
      await withoutStatus(stage);
      await changeProjects(stage);
    },
    end: async (stage) => {
      const patch = JSON.stringify({ rules: kept });
      await stage.kubectl('patch', 'role', ROLE, '--type=merge', '-p', patch);
      for (const id of Object.values(OF)) await stage.putProject(id);
    },
    fires: ['StatusBacklog'],
  },
];
