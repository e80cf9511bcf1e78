import type { Clock } from '../../common/clock.ts';
import { type ClockReading, readDatabaseClock } from '../../database/server-facts.ts';
import type { Connection } from '../connection.ts';
import { type Found, failure, ok, warning } from '../finding.ts';

const WARNING_MS = 1_000;
const ERROR_MS = 30_000;

export async function checkClock(connection: Connection, clock: Clock): Promise<Found[]> {
  const { dataSource } = await connection.connected();
  return [judgeClock(await readDatabaseClock(dataSource, clock))];
}

/** Only what is certain counts: the answer was made at some moment between the question and its arrival. */
export function judgeClock({ aheadMs, roundTripMs }: ClockReading): Found {
  const certainMs = Math.max(Math.abs(aheadMs) - roundTripMs / 2, 0);
  if (certainMs <= WARNING_MS) return ok(`the database's clock and ours agree within 1 s`);
  const seconds = (certainMs / 1000).toFixed(1);
  const message = `the database's clock is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} ours`;
  const fix =
    'let both machines keep time by NTP: tokens go by our clock, leases and limits by the database’s';
  return certainMs > ERROR_MS
    ? failure(`${message}: tokens are refused before, or taken after, their time`, fix)
    : warning(message, fix);
}
