/** Loaded by `--import` before a program: its clock is wrong by CLOCK_SKEW_MS. */
const now = Date.now.bind(Date);
const skewMs = Number(process.env['CLOCK_SKEW_MS'] ?? 0);
Date.now = () => now() + skewMs;
