import { CLUSTER_FAULTS } from './cluster.ts';
import { DATABASE_FAULTS, LOCKED_TABLE } from './database.ts';
import type { Fault } from './fault.ts';
import { PROJECT_FAULTS } from './projects.ts';
import { PROVIDER_FAULTS } from './provider.ts';
import { REPLICA_FAULTS } from './replicas.ts';
import { TIME_FAULTS } from './time.ts';

/** By the suite that plays them: each takes some minutes. */
export const FAULTS = {
  callers: [...PROVIDER_FAULTS, ...PROJECT_FAULTS, LOCKED_TABLE],
  cluster: [...DATABASE_FAULTS, ...CLUSTER_FAULTS, ...TIME_FAULTS],
  replicas: REPLICA_FAULTS,
} satisfies Record<string, readonly Fault[]>;
