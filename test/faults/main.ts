/** The fault rig: `npm run faults -- --seed N --faults 10000`. See README.md. */
import { readOptions } from './options.ts';
import { Rig } from './rig.ts';

const options = readOptions(process.argv.slice(2));
const again = Object.entries(options)
  .map(([name, value]) => `--${name} ${value}`)
  .join(' ');
const say = (...lines: string[]): void => {
  process.stdout.write(`${lines.join('\n')}\n`);
};

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stopping.abort(new Error(`stopped by ${signal}`));
  });
}

say(`npm run faults -- ${again}`);
const rig = new Rig(options, stopping.signal, say);
try {
  await rig.run();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}
say(rig.report.table(rig.ledger), `again: npm run faults -- ${again}`);
if (rig.report.violations.length > 0 || rig.report.inflicted < options.faults) process.exitCode = 1;
process.exit();
