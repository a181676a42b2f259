#!/usr/bin/env node
import { createProgram } from './program.ts';
import { runCommandLine } from './run-command-line.ts';

/*
 * Commands are loaded when they are called: `everloop apply` does not wait for what `everloop up` needs.
 */
// Whoever reads may have enough before the end, as `| head` has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

const program = createProgram({
  env: process.env,
  print: (text) => void process.stdout.write(`${text}\n`),
  commands: {
    up: async (options) => (await import('./up/index.ts')).runUp(options),
    report: async (options) => (await import('./report/index.ts')).runReport(options),
  },
});

process.exitCode = await runCommandLine(
  program,
  process.argv.slice(2),
  (line) => void process.stderr.write(`${line}\n`),
);
