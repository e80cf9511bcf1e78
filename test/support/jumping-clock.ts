/** Loaded by `--import` before a program: each SIGUSR2 sets its clock one minute ahead, as an operator's `date` would. */
const MINUTE_MS = 60_000;

const now = Date.now.bind(Date);
let ahead = 0;
Date.now = () => now() + ahead;
process.on('SIGUSR2', () => {
  ahead += MINUTE_MS;
});
