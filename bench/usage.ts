import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** /proc counts CPU in ticks of USER_HZ, which Linux fixes at 100 a second for what it tells programs. */
const MS_A_TICK = 10;
const KB_A_MB = 1024;

/** Bytes are given in MiB. */
export interface Memory {
  residentMb: number;
  peakMb: number;
}

/** Fields of /proc/PID/stat after the command: see proc(5), whose numbers are three higher. */
const FIELD = { parent: 1, user: 11, system: 12, childrenUser: 13, childrenSystem: 14 };

export function canReadUsage(): boolean {
  return existsSync('/proc/self/stat') && existsSync('/proc/self/status');
}

/** CPU of all threads of a process since its start, in milliseconds; null when it cannot be known. */
export function cpuMs(pid: number): number | null {
  const fields = statOf(pid);
  return fields === undefined ? null : ms(fields, FIELD.user, FIELD.system);
}

/** CPU of a process and its direct children, those that have ended included, in milliseconds. */
export function familyCpuMs(pid: number): number | null {
  const fields = statOf(pid);
  if (fields === undefined) return null;
  const own = ms(fields, FIELD.user, FIELD.system, FIELD.childrenUser, FIELD.childrenSystem);
  return childrenOf(pid).reduce((sum, child) => sum + ms(child, FIELD.user, FIELD.system), own);
}

/** CPU that anybody had of this machine since its start, on all cores together, in milliseconds. */
export function machineCpuMs(): number | null {
  const [user, nice, system, , , irq, softirq, steal] =
    /^cpu +(.*)$/m
      .exec(read('/proc/stat') ?? '')?.[1]
      ?.split(' ')
      .map(Number) ?? [];
  const parts = [user, nice, system, irq, softirq, steal];
  return user === undefined ? null : parts.reduce((sum: number, part) => sum + (part ?? 0), 0) * MS_A_TICK;
}

/** What a process holds in memory, and the most it ever held. */
export function memoryOf(pid: number): Memory | null {
  const status = read(`/proc/${pid}/status`);
  const [resident, peak] = ['VmRSS', 'VmHWM'].map((name) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status ?? '')?.[1]),
  );
  if (!Number.isFinite(resident) || !Number.isFinite(peak)) return null;
  return { residentMb: (resident ?? 0) / KB_A_MB, peakMb: (peak ?? 0) / KB_A_MB };
}

/** Open files, sockets among them. */
export function openFiles(pid: number): number | null {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return null;
  }
}

function childrenOf(pid: number): number[][] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((fields) => fields?.[FIELD.parent] === pid) as number[][];
}

/** Undefined: there is no such process, or no /proc. */
function statOf(pid: number): number[] | undefined {
  const text = read(`/proc/${pid}/stat`);
  // The command before is in parentheses and may contain anything.
  return text
    ?.slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
}

function ms(fields: number[], ...which: number[]): number {
  return which.reduce((sum, field) => sum + (fields[field] ?? 0), 0) * MS_A_TICK;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
