// Loads every module of the program, and so every library that one of them needs.
import { readdirSync } from 'node:fs';
import 'reflect-metadata';

const PROGRAM = '/app/dist/';
/** Runs in browsers alone. */
const PAGES = 'console/pages/';

const failed: string[] = [];
let loaded = 0;
for (const name of readdirSync(PROGRAM, { recursive: true, encoding: 'utf8' })) {
  if (!name.endsWith('.js') || name === 'main.js' || name.startsWith(PAGES)) continue;
  try {
    await import(PROGRAM + name);
    loaded += 1;
  } catch (error) {
    failed.push(`${name}: ${String(error)}`);
  }
}
process.stdout.write(JSON.stringify({ loaded, failed }));
