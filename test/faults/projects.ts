import { aClient, aKey, aProject, aSecret } from '../support/manifests.ts';
import { fingerprintOf } from '../simulator/simulator.ts';
import type { Caps } from './checks/admissions.ts';
import type { Random } from './random.ts';

export interface RigProject {
  id: string;
  caps: Caps;
  leaseSeconds: number;
  /** Whose callers bring a token instead of the bare id; undefined: there is none. */
  client: string | undefined;
  key: string;
  fingerprint: string;
}

const PROJECTS = 20;
const CAP = 5;
/** How often one of the first two is chosen, so that their slots are always contended for. */
const HOT = 0.45;

export function makeProjects(): RigProject[] {
  return Array.from({ length: PROJECTS }, (_, index) => {
    const key = aKey();
    return {
      id: `proj_${index}`,
      // Some have a smaller share for those who bring the bare id.
      caps: { all: CAP, vault: index % 4 === 3 ? 3 : CAP },
      leaseSeconds: index % 3 === 2 ? 20 : 15,
      client: index % 4 === 3 ? `client-${index}` : undefined,
      key,
      fingerprint: fingerprintOf(key),
    };
  });
}

export const LONGEST_LEASE_S = 20;

export function manifestsOf(projects: RigProject[], baseUrl: string): Record<string, unknown>[] {
  return projects.flatMap(({ id, caps, leaseSeconds, client, key }) => [
    aProject(baseUrl, id, {
      access: { maxConcurrent: caps.vault },
      session: { maxConcurrent: caps.all, secretTtlSeconds: 10, leaseSeconds },
    }),
    aSecret(id, key),
    ...(client === undefined ? [] : [aClient(client, id)]),
  ]);
}

export function someProject(random: Random, projects: RigProject[]): RigProject {
  return random.pick(random.chance(HOT) ? projects.slice(0, 2) : projects);
}
