import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { freePorts } from './ports.ts';
import { superviseProcess, type SuperviseOptions, type SupervisedProcess } from './supervise.ts';

let dir = '';
const started: SupervisedProcess[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'everloop-supervise-'));
});
afterEach(() => {
  for (const each of started.splice(0)) each.kill();
  rmSync(dir, { recursive: true, force: true });
});

function run(code: string, more: Partial<SuperviseOptions> = {}): SupervisedProcess {
  const supervised = superviseProcess({
    name: 'probe',
    command: process.execPath,
    args: ['-e', code],
    env: { PATH: process.env['PATH'] },
    logFile: join(dir, 'logs', 'probe.log'),
    ready: { check: () => Promise.resolve(existsSync(join(dir, 'ready'))) },
    ...more,
  });
  started.push(supervised);
  return supervised;
}

function touchReady(): string {
  return `require('node:fs').writeFileSync(${JSON.stringify(join(dir, 'ready'))}, '');`;
}

/** A zombie that nobody has collected yet counts as ended. */
function isAlive(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return /^[^Z]/.test(stdout.trim());
}

describe('readiness', () => {
  it.each(['url', 'tcp'] as const)('by %s', async (kind) => {
    const [port = 0] = await freePorts(1);
    const code = `
      let asked = 0;
      require('node:http').createServer((q, r) => { asked += 1; r.statusCode = asked < 3 ? 503 : 200; r.end(); }).listen(${port}, '127.0.0.1');
    `;
    const ready = kind === 'url' ? { url: `http://127.0.0.1:${port}/readyz` } : { tcp: { host: '127.0.0.1', port } };
    const probe = run(code, { ready });
    await probe.ready;
    expect(probe.running).toBe(true);
    expect(await probe.stop()).toMatchObject({ asked: true, signal: 'SIGTERM' });
  });

  it('a process that ends before it is ready: exit code, log file and the end of the log', async () => {
    const probe = run("console.log('first'); console.error('the reason'); process.exit(3);");
    await expect(probe.ready).rejects.toMatchObject({ code: 'EVL_LOCAL_PROCESS_DIED' });
    await expect(probe.ready).rejects.toThrow(
      /probe ended before it was ready \(exit code 3\)[\s\S]*probe\.log[\s\S]*the reason/,
    );
    expect(await probe.exited).toEqual({ code: 3, signal: null, asked: false });
  });

  it('a program that does not exist', async () => {
    const probe = run('', { command: '/no/such/program' });
    await expect(probe.ready).rejects.toThrow(/could not be started \(\/no\/such\/program\)/);
    expect(await probe.stop()).toMatchObject({ code: null });
  });

  it('a process that never becomes ready', async () => {
    const probe = run('setInterval(() => undefined, 1000)', { readyMs: 50 });
    await expect(probe.ready).rejects.toMatchObject({ code: 'EVL_LOCAL_PROCESS_NOT_READY' });
    expect(probe.running).toBe(true);
  });
});

describe('stopping', () => {
  it('lets a process drain on SIGTERM; a second stop is the same', async () => {
    const probe = run(
      `process.on('SIGTERM', () => { console.log('drained'); process.exit(0); }); setInterval(() => undefined, 1000); ${touchReady()}`,
    );
    await probe.ready;
    const exits = await Promise.all([probe.stop(), probe.stop()]);
    expect(exits).toEqual([
      { code: 0, signal: null, asked: true },
      { code: 0, signal: null, asked: true },
    ]);
    expect(probe.lastLines(1)).toEqual(['drained']);
  });

  it('kills what does not stop, and what it started, after the deadline', async () => {
    const pidFile = join(dir, 'grandchild');
    const code = `
      process.on('SIGTERM', () => undefined);
      const child = require('node:child_process').spawn(process.execPath, ['-e', "process.on('SIGTERM', () => undefined); setInterval(() => undefined, 1000)"]);
      require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
      ${touchReady()}
    `;
    const probe = run(code, { stopMs: 100 });
    await probe.ready;
    const grandchild = Number(readFileSync(pidFile, 'utf8'));
    expect(await probe.stop()).toMatchObject({ signal: 'SIGKILL', asked: true });
    await expect.poll(() => isAlive(grandchild)).toBe(false);
  });
});

it('what a process started ends with it, also when it crashes', async () => {
  const pidFile = join(dir, 'grandchild');
  const code = `
    const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)']);
    require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));
    process.exit(1);
  `;
  expect(await run(code).exited).toMatchObject({ code: 1, asked: false });
  await expect.poll(() => isAlive(Number(readFileSync(pidFile, 'utf8')))).toBe(false);
});

it('passes lines on and keeps them in the log', async () => {
  const lines: string[] = [];
  const probe = run("console.log('one\\ntwo')", {
    onLine: (line) => lines.push(line),
    ready: { check: () => Promise.resolve(true) },
  });
  await probe.exited;
  expect(lines).toEqual(['one', 'two']);
  expect(probe.lastLines(5)).toEqual(['one', 'two']);
});

it('a supervisor that is killed by force leaves nothing behind', async () => {
  const code = `
    import { superviseProcess } from ${JSON.stringify(join(import.meta.dirname, 'supervise.ts'))};
    const child = superviseProcess({ name: 'orphan', command: process.execPath, args: ['-e', 'setInterval(() => undefined, 1000)'],
      env: {}, logFile: ${JSON.stringify(join(dir, 'orphan.log'))}, ready: { check: async () => true } });
    await child.ready;
    process.stdout.write(String(child.pid));
    process.kill(process.pid, 'SIGKILL');
  `;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', code], { encoding: 'utf8' });
  const pid = Number(stdout);
  expect(pid).toBeGreaterThan(0);
  await expect.poll(() => isAlive(pid), { timeout: 5_000 }).toBe(false);
});
