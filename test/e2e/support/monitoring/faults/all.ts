import { LOCKED_TABLE } from './database.ts';
import type { Fault } from './fault.ts';
import { PROJECT_FAULTS } from './projects.ts';
import { PROVIDER_FAULTS } from './provider.ts';

/** By the suite that plays them: each takes some minutes. */
export const FAULTS = {
  callers: [...PROVIDER_FAULTS, ...PROJECT_FAULTS, LOCKED_TABLE],
} satisfies Record<string, readonly Fault[]>;
