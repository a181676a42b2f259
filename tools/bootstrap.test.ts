import { spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let root = '';

/** A small repository with the bootstrap in it and a fake npm that notes that it was called. */
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'everloop-bootstrap-'));
  for (const folder of ['tools', 'apps/cli/src', 'bench/src', 'services/gateway/test/fuzz'])
    mkdirSync(path.join(root, folder), { recursive: true });
  copyFileSync(path.join(import.meta.dirname, 'bootstrap.mjs'), path.join(root, 'tools', 'bootstrap.mjs'));
  writeFileSync(path.join(root, 'package-lock.json'), '{"one":1}');
  writeFileSync(
    path.join(root, 'npm.cjs'),
    `
    const fs = require('node:fs');
    fs.appendFileSync('npm-calls', process.argv.slice(2).join(' ') + ' skip=' + process.env.ONNXRUNTIME_NODE_INSTALL + '\\n');
    if (fs.existsSync('npm-fails')) process.exit(3);
    fs.mkdirSync('node_modules/.bin', { recursive: true });
    fs.writeFileSync('node_modules/.package-lock.json', '{}');
    fs.rmSync('node_modules/.bin/node', { force: true });
    fs.symlinkSync(process.execPath, 'node_modules/.bin/node');
  `,
  );
  program(
    'process.stdout.write(JSON.stringify({ args: process.argv.slice(2), node: process.execPath })); process.exit(7);',
  );
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function program(code: string): void {
  writeFileSync(path.join(root, 'apps/cli/src/main.ts'), code);
}

function bootstrap(...args: readonly string[]) {
  const env = { ...process.env, npm_execpath: path.join(root, 'npm.cjs') };
  return spawnSync(process.execPath, [path.join(root, 'tools', 'bootstrap.mjs'), ...args], { encoding: 'utf8', env });
}

function npmCalls(): readonly string[] {
  const file = path.join(root, 'npm-calls');
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}

function alreadyInstalled(lockAgeS: number): void {
  mkdirSync(path.join(root, 'node_modules', '.bin'), { recursive: true });
  symlinkSync(process.execPath, path.join(root, 'node_modules', '.bin', 'node'));
  writeFileSync(path.join(root, 'node_modules', '.package-lock.json'), '{}');
  const at = Date.now() / 1000 - lockAgeS;
  utimesSync(path.join(root, 'package-lock.json'), at, at);
}

describe('installing', () => {
  it('installs once, runs the program with its arguments and gives its exit code', () => {
    const first = bootstrap('start', '--until', '2013-04-30');
    expect(first.stdout).toContain('Installing dependencies');
    expect(first.stdout).toContain('"args":["up","--until","2013-04-30"]');
    expect(first.status).toBe(7);
    expect(bootstrap('start').status).toBe(7);
    expect(npmCalls()).toEqual(['ci --loglevel=error --no-audit --no-fund skip=skip']);
  });

  it('installs again when package-lock.json changes', () => {
    bootstrap('start');
    writeFileSync(path.join(root, 'package-lock.json'), '{"one":2}');
    bootstrap('start');
    expect(npmCalls()).toHaveLength(2);
  });

  it.each([
    ['accepts what npm installed after the lock file', 60, 0],
    ['installs when the lock file is newer', -60, 1],
  ])('%s', (_name, lockAgeS, calls) => {
    alreadyInstalled(lockAgeS);
    expect(bootstrap('start').status).toBe(7);
    expect(npmCalls()).toHaveLength(calls);
  });

  it('a failed install is an error that says what to do, and is tried again', () => {
    writeFileSync(path.join(root, 'npm-fails'), '');
    const failed = bootstrap('start');
    expect(failed.status).toBe(1);
    expect(failed.stderr).toContain('npm could not install the dependencies');
    rmSync(path.join(root, 'npm-fails'));
    expect(bootstrap('start').status).toBe(7);
  });

  it('a Node in the dependencies that does not run is passed over', () => {
    alreadyInstalled(60);
    rmSync(path.join(root, 'node_modules', '.bin', 'node'));
    writeFileSync(path.join(root, 'node_modules', '.bin', 'node'), 'no program');
    expect(JSON.parse(bootstrap('start').stdout)).toMatchObject({ node: process.execPath });
  });
});

describe('commands', () => {
  it.each([[[]], [['deploy']], [['toString']]])('%j is refused with the ones that exist', (args) => {
    const result = bootstrap(...args);
    expect([result.status, result.stderr]).toEqual([1, expect.stringContaining('there are: start, test, bench, fuzz')]);
  });
});

describe('signals', () => {
  async function interrupted(code: string, signals: readonly NodeJS.Signals[]) {
    alreadyInstalled(60);
    program(code);
    const child = spawn(process.execPath, [path.join(root, 'tools', 'bootstrap.mjs'), 'start'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes('ready')) resolve();
      });
    });
    for (const signal of signals) child.kill(signal);
    return { code: await exit, output };
  }

  it('one Ctrl-C that arrives twice reaches the program once', async () => {
    const code = `
      let count = 0;
      process.on('SIGINT', () => { count += 1; if (count === 1) setTimeout(() => { console.log('count ' + count); process.exit(5); }, 200); });
      setInterval(() => undefined, 1000);
      console.log('ready');
    `;
    expect(await interrupted(code, ['SIGINT', 'SIGINT'])).toMatchObject({
      code: 5,
      output: expect.stringContaining('count 1'),
    });
  });

  it('a program that dies of a signal gives 128 and its number', async () => {
    expect(await interrupted("console.log('ready'); setInterval(() => undefined, 1000);", ['SIGTERM'])).toMatchObject({
      code: 143,
    });
  });

  it('the program learns that the bootstrap was killed by force', async () => {
    const file = path.join(root, 'noticed');
    const code = `
      process.on('disconnect', () => { require('node:fs').writeFileSync(${JSON.stringify(file)}, ''); process.exit(0); });
      console.log('ready');
    `;
    writeFileSync(path.join(root, 'package.json'), '{"type":"commonjs"}');
    await interrupted(code, ['SIGKILL']);
    await expect.poll(() => existsSync(file), { timeout: 5_000 }).toBe(true);
  });
});
