import type { Options } from './options.ts';

/** What a database holds before anybody is measured on it. */
export interface Filling {
  auditRows: number;
  sessions: number;
}

/** One way to run the service or the forwarder. */
export interface Setting {
  of: 'forwarder' | 'service';
  /** Of the subject: unique, and the name alone for the setting that all others are compared with. */
  name: string;
  label: string;
  processes: number;
  projects: number;
  hotPercent?: number;
  filling?: Filling;
  /** Of its processes, beside what all have. */
  environment?: Record<string, string>;
}

/** (b) and (c), and after them each other setting that was asked for; it differs from (b) or (c) in one thing. */
export function settingsOf({
  projects,
  twoCommits,
  scale,
}: Pick<Options, 'projects' | 'twoCommits' | 'scale'>): Setting[] {
  const plain = { processes: 1, projects };
  const forwarder: Setting = { of: 'forwarder', name: 'forwarder', label: '(b) forwarder', ...plain };
  const service: Setting = { of: 'service', name: 'service', label: '(c) service', ...plain };
  const { processes, auditRows = 0, sessions = 0, manyProjects, hotPercent } = scale;
  const settings = [forwarder, service];
  if (twoCommits) {
    const environment = { FORWARDER_COMMITS: '2' };
    settings.push({ ...forwarder, name: 'forwarder-two-commits', label: '(b) two commits', environment });
  }
  if (processes !== undefined) {
    for (const one of [forwarder, service]) {
      const label = `${one.label.slice(0, 3)} ${processes} processes`;
      settings.push({ ...one, name: `${one.name}-processes`, label, processes });
    }
  }
  if (auditRows + sessions > 0) {
    const filling = { auditRows, sessions };
    settings.push({ ...service, name: 'service-filled', label: '(c) filled', filling });
  }
  if (manyProjects !== undefined) {
    const label = `(c) ${manyProjects} projects`;
    settings.push({ ...service, name: 'service-projects', label, projects: manyProjects });
  }
  if (hotPercent !== undefined) {
    settings.push({ ...service, name: 'service-hot', label: `(c) hot ${hotPercent} %`, hotPercent });
  }
  return settings;
}
