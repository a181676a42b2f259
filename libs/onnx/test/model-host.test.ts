import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@everloop/service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { node } from '../src/build.ts';
import { logisticModel, modelBytes, slowModel } from '../src/fixtures.ts';
import { createModelHost } from '../src/model-host.ts';

const logger = createLogger({ service: 'test', level: 'silent' });
const host = createModelHost({
  name: 'test-host',
  logger: logger,
  loadTimeoutMs: 60_000,
});
const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));
const good = { rows: 2, numeric: Float32Array.of(1, 0, 0, 1), categories: [] };
const goodScores = [sigmoid(1), sigmoid(-2)];
let dir = '';

async function store(name: string, bytes: Uint8Array): Promise<{ path: string; digest: string }> {
  const path = join(dir, name);
  await writeFile(path, bytes);
  return { path, digest: createHash('sha256').update(bytes).digest('hex') };
}

async function expectGoodModelServes(): Promise<void> {
  const scores = await host.run('good', good, { timeoutMs: 60_000 });
  [...scores].forEach((score, row) => expect(score).toBeCloseTo(goodScores[row] ?? NaN, 6));
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'everloop-onnx-'));
  await host.start();
  const { path, digest } = await store('good.onnx', logisticModel([1, -2]));
  expect(await host.load('good', path, digest)).toMatchObject({ nNumeric: 2, nCategories: 0 });
}, 60_000);

afterAll(async () => {
  await host.stop();
  await host.stop();
  await rm(dir, { recursive: true, force: true });
});

describe('ModelHost', { timeout: 180_000 }, () => {
  it('scores rows', async () => {
    await expectGoodModelServes();
    expect(host.health?.()).toEqual({ ok: true });
    expect(host.status().runtimeVersion).toMatch(/^\d+\.\d+/);
  });

  it('gives no scores for no rows', async () => {
    const none = { rows: 0, numeric: new Float32Array(), categories: [] };
    expect([...(await host.run('good', none, { timeoutMs: 1_000 }))]).toEqual([]);
  });

  it('refuses rows of the wrong shape and models it does not hold', async () => {
    const wrong = host.run('good', { ...good, numeric: Float32Array.of(1) }, { timeoutMs: 1_000 });
    await expect(wrong).rejects.toMatchObject({ code: 'EVL_ONNX_INPUT_INVALID' });
    await expect(host.run('none', good, { timeoutMs: 1_000 })).rejects.toMatchObject({ code: 'EVL_ONNX_NOT_LOADED' });
  });

  it.each([
    [
      'a corrupt file',
      Uint8Array.of(1, 2, 3),
      'f'.repeat(64),
      /corrupt\.onnx.*ffff.*is corrupt: its digest is [0-9a-f]{64}.*register/s,
    ],
    ['a file that is no model', Uint8Array.of(1, 2, 3), '', /EVL_ONNX_INVALID/],
    ['a model with a loop', modelBytes(1, [node('Loop', ['numeric'], ['score'])]), '', /operator Loop/],
    [
      'a model ONNX Runtime refuses',
      modelBytes(1, [node('Add', ['numeric'], ['score'])]),
      '',
      /refused by ONNX Runtime/,
    ],
    [
      'a model without a score',
      modelBytes(1, [node('Identity', ['numeric'], ['score'])]).slice(),
      '0'.repeat(64),
      /is corrupt/,
    ],
  ])('says what is wrong with %s and lives on', async (_name, bytes, wrongDigest, message) => {
    const pid = host.status().pid;
    const { path, digest } = await store('corrupt.onnx', bytes);
    const loading = host.load('bad', path, wrongDigest === '' ? digest : wrongDigest);
    await expect(loading).rejects.toMatchObject({
      code: 'EVL_ONNX_LOAD_FAILED',
      message: expect.stringMatching(message),
    });
    await expectGoodModelServes();
    expect(host.status().pid).toBe(pid);
  });

  it('says that a file is missing', async () => {
    const loading = host.load('bad', join(dir, 'nowhere.onnx'), 'f'.repeat(64));
    await expect(loading).rejects.toMatchObject({
      code: 'EVL_ONNX_LOAD_FAILED',
      message: expect.stringMatching(/cannot be read/),
    });
  });

  it('kills a run that takes too long, starts again with its models, and asks the calls behind it again', async () => {
    const width = 1_000;
    const { path, digest } = await store('slow.onnx', slowModel(width, 400));
    await host.load('slow', path, digest);
    const { pid, restarts } = host.status();
    const input = { rows: 500, numeric: new Float32Array(500 * width).fill(1), categories: [] };
    const slow = host.run('slow', input, { timeoutMs: 100 });
    const behind = expectGoodModelServes();
    await expect(slow).rejects.toMatchObject({ code: 'EVL_ONNX_HOST_TIMEOUT', kind: 'terminal' });
    await behind;
    expect(host.status()).toMatchObject({ restarts: restarts + 1, models: ['good', 'slow'] });
    expect(host.status().pid).not.toBe(pid);
    await host.unload('slow');
  });

  it('survives the death of its process', async () => {
    const { pid, restarts } = host.status();
    process.kill(pid ?? 0, 'SIGSTOP');
    const oldest = host.run('good', good, { timeoutMs: 50_000 });
    const behind = expectGoodModelServes();
    process.kill(pid ?? 0, 'SIGKILL');
    await expect(oldest).rejects.toMatchObject({ code: 'EVL_ONNX_HOST_CRASHED', kind: 'retryable' });
    await behind;
    expect(host.status().restarts).toBe(restarts + 1);
  });

  it('brings a replacement to its end when the process dies before it', async () => {
    const { path, digest } = await store('good.onnx', logisticModel([1, -2]));
    const { pid } = host.status();
    process.kill(pid ?? 0, 'SIGSTOP');
    const oldest = host.run('good', good, { timeoutMs: 50_000 });
    const replacement = host.load('good', path, digest);
    process.kill(pid ?? 0, 'SIGKILL');
    await expect(oldest).rejects.toMatchObject({ code: 'EVL_ONNX_HOST_CRASHED' });
    expect(await replacement).toMatchObject({ nNumeric: 2 });
    await expectGoodModelServes();
  });

  it('refuses a model that does not fit into its memory and goes on with the others', async () => {
    const small = createModelHost({ name: 'small', logger, rssBytesMax: 180 * 1024 * 1024, loadTimeoutMs: 60_000 });
    await small.start();
    const { path, digest } = await store('good.onnx', logisticModel([1, -2]));
    await small.load('good', path, digest);
    // 61 MB of constants: with the file and the runtime's copy more than the limit.
    const large = await store('large.onnx', slowModel(3_900, 1));
    await expect(small.load('large', large.path, large.digest)).rejects.toMatchObject({
      code: 'EVL_ONNX_LOAD_FAILED',
      message: expect.stringMatching(/bytes of memory, at most 188743680 are allowed/),
    });
    expect(await small.run('good', good, { timeoutMs: 60_000 })).toHaveLength(2);
    expect(small.status()).toMatchObject({ models: ['good'], restarts: 1 });
    await small.stop();
  });

  it('answers calls after its end with EVL_ONNX_HOST_STOPPED', async () => {
    const ended = createModelHost({ name: 'ended', logger: logger });
    await ended.stop();
    await expect(ended.load('good', 'x', 'y')).rejects.toMatchObject({ code: 'EVL_ONNX_HOST_STOPPED' });
  });

  it('does not start with a provider that is missing, and says what to do', async () => {
    const gpu = createModelHost({ name: 'gpu', logger, providers: ['cuda', 'cpu'] });
    const outcome = await gpu.start().then(
      () => 'started',
      (error: unknown) => String(error),
    );
    await gpu.stop();
    // A machine with a GPU and the libraries starts.
    if (outcome !== 'started') expect(outcome).toMatch(/cannot use cuda, cpu here: .*CUDA.*or choose cpu/is);
  });
});
