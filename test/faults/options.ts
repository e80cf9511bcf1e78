import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';

export interface RigOptions {
  seed: string;
  faults: number;
  /** Faults between two checks. */
  epoch: number;
  /** Faults a second. */
  rate: number;
  processes: number;
  /** Clients that ask at the same time. */
  clients: number;
}

/** After this many faults the next database is taken, which bounds what is kept and verified. */
export const FAULTS_A_DATABASE = 2_000;

export function readOptions(args: string[]): RigOptions {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string' },
      faults: { type: 'string', default: '300' },
      epoch: { type: 'string', default: '400' },
      rate: { type: 'string', default: '6' },
      processes: { type: 'string', default: '3' },
      clients: { type: 'string', default: '80' },
    },
  });
  const number = (name: 'faults' | 'epoch' | 'rate' | 'processes' | 'clients'): number => {
    const value = Number(values[name]);
    if (!Number.isFinite(value) || value < 1) throw new TypeError(`--${name} must be a number from 1 on`);
    return value;
  };
  return {
    seed: values.seed ?? String(randomInt(1_000_000_000)),
    faults: number('faults'),
    epoch: number('epoch'),
    rate: number('rate'),
    processes: number('processes'),
    clients: number('clients'),
  };
}
