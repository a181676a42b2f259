import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@everloop/service';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { logisticModel, slowModel } from '../src/fixtures.ts';
import { createModelHost, type ModelHost } from '../src/model-host.ts';
import { swapModels } from './swaps.ts';

const mib = 1024 ** 2;
const recycle = { unloads: 10, growthBytes: 256 * mib };
const limits = { timeoutMs: 60_000 };
const one = { rows: 1, numeric: Float32Array.of(1, 0), categories: [] };
let lines: string[] = [];
let host: ModelHost;
let folder = '';

async function store(name: string, bytes: Uint8Array): Promise<[path: string, digest: string]> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return [path, createHash('sha256').update(bytes).digest('hex')];
}

/** Loads and unloads until the host has handed over, or has tried to, so many times. */
async function wearOut(path: string, digest: string, unloads = recycle.unloads): Promise<void> {
  for (let count = 0; count < unloads; count += 1) {
    await host.load('passing', path, digest);
    await host.unload('passing');
  }
}

beforeEach(async () => {
  lines = [];
  folder = await mkdtemp(join(tmpdir(), 'everloop-recycling-'));
  const logger = createLogger({ service: 'test', write: (line) => void lines.push(line) });
  host = createModelHost({ name: 'recycled', logger, loadTimeoutMs: 60_000, recycle });
  await host.start();
});

afterEach(async () => {
  await host.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('ModelHost that recycles its process', { timeout: 180_000 }, () => {
  it('keeps its memory through many swaps under load, and no call fails', async () => {
    const { failures, calls, rssBytes } = await swapModels(host, { swaps: 100, callers: 2, width: 300 });
    expect(failures).toEqual([]);
    expect(calls).toBeGreaterThan(100);
    // A succession may be under way at the end, and the swaps that wait for it do not count.
    expect(host.status()).toMatchObject({ restarts: 0, models: ['m100'] });
    expect(host.status().recycles).toBeGreaterThan(3);
    const peak = (from: number, to: number): number => Math.max(...rssBytes.slice(from, to));
    // Between two swaps the memory of a process goes up and down by about 20 MiB; a second process that stayed would add 100.
    expect(peak(80, 101) - peak(0, 20)).toBeLessThan(64 * mib);
  });

  it('goes on with every model and answers what the old process still owes', async () => {
    const file = await store('kept.onnx', logisticModel([2, -1]));
    await host.load('kept', ...file);
    const before = host.status().pid;
    const owed = Array.from({ length: 20 }, () => host.run('kept', one, limits));
    await wearOut(...file);
    // It waits for the succession.
    await host.load('later', ...file);
    expect(host.status()).toMatchObject({ recycles: 1, restarts: 0, models: ['kept', 'later'] });
    expect(host.status().pid).not.toBe(before);
    for (const key of ['kept', 'later']) expect((await host.run(key, one, limits))[0]).toBeCloseTo(0.8808, 3);
    expect((await Promise.all(owed)).map((scores) => scores.length)).toEqual(owed.map(() => 1));
  });

  it('keeps the old process when a model does not load any more', async () => {
    const kept = await store('kept.onnx', logisticModel([2, -1]));
    const passing = await store('passing.onnx', logisticModel([1, 1]));
    await host.load('kept', ...kept);
    await rm(kept[0]);
    const { pid } = host.status();
    await wearOut(...passing);
    await host.load('later', ...passing);
    expect(host.status()).toMatchObject({ pid, recycles: 0, restarts: 0, models: ['kept', 'later'] });
    expect(await host.run('kept', one, limits)).toHaveLength(1);
    expect(lines.join()).toContain('no other model process could take over');
    expect(lines.join()).toMatch(/model kept did not load.*cannot be read/);
  });

  it('restarts as ever when the old process dies during a succession', async () => {
    const file = await store('kept.onnx', slowModel(300, 50));
    await host.load('kept', ...file);
    await wearOut(...file);
    const waiting = host.load('later', ...file);
    process.kill(host.status().pid ?? 0, 'SIGKILL');
    expect(await waiting).toMatchObject({ nNumeric: 300 });
    const input = { rows: 1, numeric: new Float32Array(300).fill(1), categories: [] };
    for (const key of ['kept', 'later']) expect(await host.run(key, input, limits)).toHaveLength(1);
    expect(host.status()).toMatchObject({ restarts: 1, recycles: 0 });
  });

  it('ends all its processes when it is stopped during a succession', async () => {
    const file = await store('kept.onnx', logisticModel([2, -1]));
    await wearOut(...file);
    const waiting = host.load('later', ...file);
    const refused = expect(waiting).rejects.toMatchObject({ code: 'EVL_ONNX_HOST_STOPPED' });
    await host.stop();
    await refused;
  });
});
