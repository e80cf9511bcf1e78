#!/usr/bin/env node
import { endOnSignals } from './cli/end-signals.ts';
import { restartWithinBounds } from './cli/heap.ts';

// Before the rest is loaded, which takes ten times as long.
endOnSignals();
if (['serve', undefined].includes(process.argv[2])) restartWithinBounds();

await import('reflect-metadata');
const { run } = await import('./cli/program.ts');
await run(process.argv);
