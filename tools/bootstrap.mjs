#!/usr/bin/env node
/**
 * The first step of `npm start`, `npm test` and `npm run bench` on any machine with Node 20 or newer: plain JavaScript without dependencies,
 * since nothing is installed yet. Installs what package-lock.json names, then hands over to the project's own Node 24.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const modules = path.join(root, 'node_modules');
const stamp = path.join(modules, '.everloop-installed');
const entries = {
  start: ['apps/cli/src/main.ts', 'up'],
  test: ['tools/test.ts'],
  bench: ['bench/src/main.ts'],
};

function fail(message) {
  console.error(message);
  process.exit(1);
}

function major(version) {
  return Number(version.replace(/^v/, '').split('.')[0]);
}

function install() {
  const wanted = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  const present = existsSync(stamp) ? readFileSync(stamp, 'utf8').trim() : '';
  if (present === wanted) return;
  const startedAt = performance.now();
  console.log('Installing dependencies (npm ci) …');
  const done = spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' },
    shell: process.platform === 'win32',
  });
  if (done.error)
    fail(`npm could not be run (${done.error.message}): npm comes with Node; install Node 20 or newer with it.`);
  if (done.status !== 0)
    fail('npm ci failed: see its message above. Often the network or a proxy setting; run the same command again.');
  writeFileSync(stamp, `${wanted}\n`);
  console.log(`Dependencies installed in ${((performance.now() - startedAt) / 1000).toFixed(0)} s.`);
}

function node24() {
  const own = path.join(modules, '.bin', 'node');
  if (existsSync(own)) return own;
  if (major(process.version) >= 24) return process.execPath;
  fail(
    `Node 24 is needed and no npm package of it fits ${process.platform}/${process.arch}; found ${process.version}. Install Node 24 and run again.`,
  );
}

const [task, ...args] = process.argv.slice(2);
const entry = entries[task];
if (!entry) fail(`Unknown task "${task ?? ''}"; there are: ${Object.keys(entries).join(', ')}.`);
if (major(process.version) < 20)
  fail(`Node 20 or newer is needed: found ${process.version}. Install a newer Node and run again.`);
install();

const bin = path.join(modules, '.bin');
const child = spawn(node24(), [path.join(root, entry[0]), ...entry.slice(1), ...args], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH ?? ''}` },
});
// Ctrl-C reaches the whole foreground group, the child included: it is the child that ends things; this process only waits for it.
let interrupted = false;
process.on('SIGINT', () => {
  interrupted = true;
});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('error', (error) => fail(`Node 24 could not be started: ${error.message}`));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' || interrupted ? 130 : 1)));
