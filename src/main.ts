#!/usr/bin/env node
import 'reflect-metadata';
import { run } from './cli/program.ts';

await run(process.argv);
