/**
 * Loaded by `--import` before a program: its clock is wrong by CLOCK_AHEAD_MS, and each SIGUSR2 sets it one minute
 * ahead, as an operator's `date` would.
 */
const MINUTE_MS = 60_000;

const now = Date.now.bind(Date);
let ahead = Number(process.env['CLOCK_AHEAD_MS'] ?? 0);
Date.now = () => now() + ahead;
process.on('SIGUSR2', () => {
  ahead += MINUTE_MS;
});
