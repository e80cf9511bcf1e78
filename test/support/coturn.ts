import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from './until.ts';
import { freePort } from '../../src/database/embedded/free-port.ts';

/** `COTURN` names the program where it is not on the PATH. */
const PROGRAM = process.env['COTURN'] ?? 'turnserver';
const INSTALL = `these tests need coturn: install it, or let COTURN name the program (${PROGRAM})`;
const PAGE = new URL('../../docs/operations.md', import.meta.url);
/** What a relay on loopback has otherwise: no certificate, and peers that are here. */
const NOT_HERE = /^(static-auth-secret|cert|pkey|denied-peer-ip=127\.)/;

/** A coturn on loopback, configured as docs/operations.md says. */
export interface Coturn {
  port: number;
  /** As a Project names it. */
  url: string;
  /** All lines of its log so far. */
  log: string[];
  stop(): Promise<void>;
}

/** It takes each of the secrets. */
export async function startCoturn(secrets: readonly string[]): Promise<Coturn> {
  const shown = documented();
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-coturn-'));
  const port = await freePort();
  const file = join(folder, 'turnserver.conf');
  const here = [
    ...secrets.map((secret) => `static-auth-secret=${secret}`),
    ...['listening-ip=127.0.0.1', 'relay-ip=127.0.0.1', 'relay-ip=::1', `listening-port=${port}`],
    'allow-loopback-peers',
    ...['no-tls', 'no-dtls', 'verbose', 'simple-log', 'log-file=stdout'],
    ...[`userdb=${join(folder, 'users')}`, `pidfile=${join(folder, 'pid')}`],
  ];
  writeFileSync(file, [...shown, ...here, ''].join('\n'), { mode: 0o600 });
  const child = spawn(PROGRAM, ['-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  const failures: Error[] = [];
  child.once('error', (error) => {
    failures.push(new Error(INSTALL, { cause: error }));
  });
  const log: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => log.push(line));
  }
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await until('coturn listens', () => {
      if (failures[0] !== undefined) throw failures[0];
      if (child.exitCode !== null) throw new Error(`coturn ended: ${log.join('\n')}`);
      return log.some((line) => line.includes('UDP listener opened'));
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, url: `turn:127.0.0.1:${port}?transport=udp`, log, stop };
}

/** The least that the page says coturn needs, but for what is of the place. */
function documented(): string[] {
  const [, text = ''] = /```text\n(realm=[^`]*)```/.exec(readFileSync(PAGE, 'utf8')) ?? [];
  const lines = text.split('\n').filter((line) => line !== '');
  if (!lines.includes('use-auth-secret')) throw new Error('the page shows no configuration of coturn');
  return lines.filter((line) => !NOT_HERE.test(line));
}

/** Told to end, by force if it does not. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 5_000);
  await ended;
  clearTimeout(force);
}
