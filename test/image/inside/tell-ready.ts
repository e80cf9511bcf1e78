// Beside the program: writes into its log how old process 1 is once it says that it is ready, and for how long of that it
// had work and no processor, since others had them.
import { readFileSync, writeFileSync } from 'node:fs';

const DEADLINE_SECONDS = 30;
const PAUSE_MS = 25;
const TICKS_PER_SECOND = 100;
/** Of /proc/PID/stat, counted from behind the name, which may hold blanks. */
const START_TIME = 19;

function age(): number {
  const [uptime] = readFileSync('/proc/uptime', 'utf8').split(' ');
  const fields = readFileSync('/proc/1/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return Number(uptime) - Number(fields[START_TIME]) / TICKS_PER_SECOND;
}

function waited(): number {
  const [, nanoseconds] = readFileSync('/proc/1/schedstat', 'utf8').split(' ');
  return Number(nanoseconds) / 1e9;
}

async function isReady(): Promise<boolean> {
  const answer = await fetch('http://127.0.0.1:9464/readyz').catch(() => undefined);
  return answer?.status === 200;
}

while (!(await isReady())) {
  if (age() > DEADLINE_SECONDS) process.exit(1);
  await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}
writeFileSync(
  '/proc/1/fd/1',
  `ready after ${age().toFixed(2)} s, ${waited().toFixed(2)} s without processor\n`,
);
