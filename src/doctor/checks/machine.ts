import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';
import type { Settings } from '../../config/load-settings.ts';
import { type Found, ok, warning } from '../finding.ts';

const MIB = 1024 * 1024;
const NODE_MAJOR = 24;
const LEAST_MEMORY = 256 * MIB;
const LEAST_DISK = 100 * MIB;

export interface Machine {
  /** Such as `24.1.0`. */
  node: string;
  /** Bytes that this process may have. */
  memory: number;
  /** Bytes that may still be written to VESTIBULE_DIR; undefined when it is not there, or not the vault. */
  disk: number | undefined;
}

export async function checkMachine(settings: Settings | undefined): Promise<Found[]> {
  return judgeMachine({
    node: process.versions.node,
    memory: Math.min(process.constrainedMemory() || Infinity, totalmem()),
    disk: settings?.vault === 'directory' ? await freeDisk(settings.directory) : undefined,
  });
}

export function judgeMachine({ node, memory, disk }: Machine): Found[] {
  const found: Found[] = [];
  if (Number.parseInt(node, 10) < NODE_MAJOR) {
    found.push(
      warning(
        `Node ${node} is older than what this program is tested with`,
        `use Node ${NODE_MAJOR} or newer`,
      ),
    );
  }
  if (memory < LEAST_MEMORY) {
    found.push(
      warning(`only ${inMib(memory)} of memory`, `allow the process at least ${inMib(LEAST_MEMORY)}`),
    );
  }
  if (disk !== undefined && disk < LEAST_DISK) {
    found.push(
      warning(
        `only ${inMib(disk)} free on the disk of VESTIBULE_DIR`,
        'make room: a full disk refuses deposits',
      ),
    );
  }
  return found.length > 0 ? found : [ok(`Node ${node}, ${inMib(memory)} of memory`)];
}

async function freeDisk(path: string): Promise<number | undefined> {
  const found = await statfs(path).catch(() => undefined);
  return found && found.bavail * found.bsize;
}

function inMib(bytes: number): string {
  return `${Math.floor(bytes / MIB)} MiB`;
}
