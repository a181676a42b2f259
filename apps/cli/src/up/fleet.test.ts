import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SuperviseOptions } from '@everloop/local';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Fleet } from './fleet.ts';
import { UsageMeter } from './usage.ts';

let dir = '';
let fleet: Fleet;
let meter: UsageMeter;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'everloop-fleet-'));
  meter = new UsageMeter();
  fleet = new Fleet(meter);
});
afterEach(async () => {
  fleet.kill();
  await fleet.stop();
  rmSync(dir, { recursive: true, force: true });
});

function probe(name: string, code: string): SuperviseOptions {
  const logFile = join(dir, `${name}.log`);
  const script = `console.log('up'); ${code}; setInterval(() => undefined, 1000);`;
  const check = (): Promise<boolean> => Promise.resolve(readFileSync(logFile, 'utf8').includes('up'));
  return { name, command: process.execPath, args: ['-e', script], env: {}, logFile, ready: { check } };
}

const onTerm = (name: string): string =>
  `process.on('SIGTERM', () => { require('node:fs').appendFileSync('order', '${name} '); process.exit(0); })`;

it('stops newer layers before older ones', async () => {
  for (const name of ['registry', 'gateway', 'replay']) {
    await fleet.start({ ...probe(name, onTerm(name)), cwd: dir });
    fleet.nextLayer();
  }
  await fleet.stop();
  expect(readFileSync(join(dir, 'order'), 'utf8')).toBe('replay gateway registry ');
});

it('a process that ends by itself is a death: who, how, where its log is and how it ends', async () => {
  await fleet.start(probe('gateway', ''));
  const line = JSON.stringify({
    level: 'fatal',
    message: 'service failed',
    err: { code: 'EVL_X', message: 'the reason' },
  });
  await fleet.start(
    probe('trainer', `setTimeout(() => { console.log(${JSON.stringify(line)}); process.exit(1); }, 300)`),
  );
  const death = await fleet.died;
  expect(death.code).toBe('EVL_UP_PROCESS_DIED');
  expect(death.message).toContain('trainer ended by itself (exit code 1)');
  expect(death.message).toContain(join(dir, 'trainer.log'));
  expect(death.message).toContain('fatal service failed (EVL_X: the reason)');
});

it('a process that dies before it is ready is told in the same way', async () => {
  await expect(fleet.start({ ...probe('outcomes', ''), args: ['-e', 'process.exit(4)'] })).rejects.toThrow(
    /outcomes ended by itself \(exit code 4\)/,
  );
});

it.runIf(process.platform === 'linux')('measures what its processes use', async () => {
  const code =
    "const until = Date.now() + 300; while (Date.now() < until); console.log('up'); setInterval(() => undefined, 1000);";
  await fleet.start({ ...probe('busy', ''), args: ['-e', code] });
  const use = meter.report();
  const busy = use.processes.find(({ name }) => name === 'busy');
  expect(busy?.peakMemoryMib).toBeGreaterThan(5);
  expect(busy?.cpuSeconds).toBeGreaterThan(0);
  expect(use.processes.map(({ name }) => name)).toContain('supervisor');
  expect(use.peakMemoryMib).toBeGreaterThan(busy?.peakMemoryMib ?? Infinity);
});
