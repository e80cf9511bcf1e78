import { openSync, writeSync } from 'node:fs';
import { type Sighting, startSimulator } from './simulator.ts';

function portFromEnv(): number {
  const value = process.env['SIMULATOR_PORT'] ?? '0';
  const port = Number(value);
  if (/^\d{1,5}$/.test(value) && port <= 65_535) return port;
  throw new Error('SIMULATOR_PORT must be a port number');
}

/** Written before the answer: also what a killed simulator has seen is known. */
function recorder(path: string): (sighting: Sighting) => void {
  const file = openSync(path, 'a');
  return (sighting) => {
    writeSync(file, `${JSON.stringify(sighting)}\n`);
  };
}

async function main(): Promise<void> {
  const record = process.env['SIMULATOR_RECORD'];
  const simulator = await startSimulator({
    port: portFromEnv(),
    host: process.env['SIMULATOR_HOST'],
    ...(record !== undefined && { onRequest: recorder(record) }),
  });
  const stop = (): void => {
    void simulator.close().finally(() => process.exit(0));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  if (process.env['SIMULATOR_EXIT_WITH_PARENT'] === '1') {
    // A parent killed with SIGKILL cannot tell us; the system closes its end of our stdin.
    process.stdin.once('end', stop).once('close', stop).resume();
  }
  process.stdout.write(`${JSON.stringify({ url: simulator.url })}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
