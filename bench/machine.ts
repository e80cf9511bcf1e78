import { cpus } from 'node:os';
import pg from 'pg';
import { canReadUsage } from './usage.ts';

/** Where the figures are from. */
export interface Machine {
  cores: number;
  model: string;
  platform: string;
  node: string;
  postgres: string;
  /** What decides how durable a commit is. */
  settings: Record<string, string>;
  /** Whether CPU and memory of processes can be read. */
  usage: boolean;
}

const DURABILITY = ['fsync', 'synchronous_commit', 'full_page_writes'];

/** Fails when the server would commit without writing to disk. */
export async function describeMachine(
  superuserUrl: string,
): Promise<{ machine: Machine; postmasterPid: number }> {
  const client = new pg.Client({ connectionString: superuserUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; setting: string }>(
      'SELECT name, setting FROM pg_settings WHERE name = ANY ($1)',
      [[...DURABILITY, 'server_version']],
    );
    const { server_version: postgres = '', ...settings } = Object.fromEntries(
      rows.map(({ name, setting }) => [name, setting]),
    );
    const off = DURABILITY.filter((name) => settings[name] !== 'on');
    if (off.length > 0) throw new Error(`PostgreSQL runs without ${off.join(', ')}`);
    const pids = await client.query<{ file: string }>("SELECT pg_read_file('postmaster.pid') AS file");
    return {
      machine: {
        cores: cpus().length,
        model: cpus()[0]?.model.trim() ?? 'unknown',
        platform: `${process.platform} ${process.arch}`,
        node: process.versions.node,
        postgres,
        settings,
        usage: canReadUsage(),
      },
      postmasterPid: Number.parseInt(pids.rows[0]?.file ?? '', 10),
    };
  } finally {
    await client.end();
  }
}
