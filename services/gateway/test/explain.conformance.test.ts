import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createModelHost, encodeModel, float32Tensor, node, valueInfo } from '@everloop/onnx';
import { pythonRequirements, pythonVenv, testLogger } from '@everloop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Explainer, type Explanation } from '../src/app/explainer.ts';
import type { Packed } from '../src/domain/vector.ts';

const run = promisify(execFile);
const host = createModelHost({ logger: testLogger(), name: 'models' });
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'everloop-shap-'));
  await host.start();
});
afterAll(async () => {
  await host.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A small network whose inputs work together: sigmoid(tanh(x · first) · second). */
function network(width: number): Uint8Array {
  const hidden = 8;
  const weights = (count: number, step: number): Float32Array =>
    Float32Array.from({ length: count }, (_, n) => 1.5 * Math.sin(step * (n + 1)));
  return encodeModel({
    ...{ irVersion: 10, producerName: 'test', producerVersion: '1', opsets: [{ domain: '', version: 21 }] },
    graph: {
      name: 'network',
      nodes: [
        node('MatMul', ['numeric', 'first'], ['a']),
        node('Tanh', ['a'], ['b']),
        node('MatMul', ['b', 'second'], ['c']),
        node('Sigmoid', ['c'], ['score']),
      ],
      initializers: [
        float32Tensor('first', weights(width * hidden, 1.7), [width, hidden]),
        float32Tensor('second', weights(hidden, 2.9), [hidden, 1]),
      ],
      inputs: [valueInfo('numeric', 'float32', ['N', width])],
      outputs: [valueInfo('score', 'float32', ['N', 1])],
    },
    refusedParts: [],
  });
}

/** Rows of numbers, some of which are in several rows, as categories and counts are. */
const rowsOf = (count: number, width: number, step: number): number[][] =>
  Array.from({ length: count }, (_, row) =>
    Array.from({ length: width }, (_, column) => Math.round(4 * Math.sin(step * (row * width + column + 1))) / 4),
  );

const packed = (rows: readonly (readonly number[])[]): Packed => ({
  ...{ rows: rows.length, categories: [] },
  numeric: Float32Array.from(rows.flat()),
});

/** The explanations of the gateway, and what shap needs to make its own: the same model file, background and instances. */
async function explained(width: number) {
  const bytes = network(width);
  const file = join(folder, `network-${width}.onnx`);
  writeFileSync(file, bytes);
  await host.load(file, file, createHash('sha256').update(bytes).digest('hex'));
  const [background, instances] = [rowsOf(20, width, 0.37), rowsOf(3, width, 0.61)];
  const score = (batch: Packed) => host.run(file, batch, { timeoutMs: 30_000 });
  const batch = packed(instances);
  const scores = await score(batch);
  const explainer = new Explainer({
    evaluationsMax: 4_096,
    batchRowsMax: 64,
    queueRowsMax: 8,
    onExplained: () => undefined,
  });
  const ours = await explainer.explain({
    ...{ model: 'network', version: '1', inputs: Array.from({ length: width }, () => ({ type: 'number' }) as const) },
    background: { batch: packed(background), scores: await score(packed(background)) },
    ...{ score, batch, scores, decisionIds: ['d#0', 'd#1', 'd#2'], caller: undefined },
  });
  return { ours, scores, asked: { model: file, background, instances } };
}

interface Theirs {
  readonly values: number[][];
  readonly base: number[];
}

const worst = (ours: readonly Explanation[], theirs: readonly number[][]): number =>
  Math.max(
    ...ours.flatMap(({ attributions }, row) =>
      Array.from(attributions, (each, at) => Math.abs(each - (theirs[row]?.[at] ?? NaN))),
    ),
  );

describe('Shapley values of an ONNX model by the package shap', () => {
  let narrow: Awaited<ReturnType<typeof explained>>;
  let wide: typeof narrow;
  let theirs: readonly Theirs[];
  beforeAll(async () => {
    [narrow, wide] = [await explained(5), await explained(12)];
    const file = join(folder, 'asked.json');
    writeFileSync(file, JSON.stringify([narrow.asked, wide.asked]));
    const python = await pythonVenv('shap', pythonRequirements('shap'));
    const script = join(import.meta.dirname, 'clients', 'shap_values.py');
    const { stdout } = await run(python, ['-W', 'ignore', script, file]);
    theirs = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Theirs[];
  });

  // 1e-6: scores are float32, and batches of other sizes may add in another order.
  it('are ours, where all subsets are evaluated', () => {
    expect(worst(narrow.ours, theirs[0]?.values ?? [])).toBeLessThan(1e-6);
    narrow.ours.forEach(({ base }, row) => expect(Math.abs(base - (theirs[0]?.base[row] ?? NaN))).toBeLessThan(1e-6));
  });

  it('are near ours, where orders are sampled, and ours sum to the score still', () => {
    const distance = worst(wide.ours, theirs[1]?.values ?? []);
    console.log(
      `12 inputs, 20 background rows, 4,096 evaluations: at most ${distance.toFixed(4)} from the exact values`,
    );
    expect(distance).toBeLessThan(0.02);
    wide.ours.forEach(({ attributions, base }, row) => {
      const sum = attributions.reduce((total, each) => total + each, base);
      expect(Math.abs(sum - (wide.scores[row] ?? NaN))).toBeLessThan(1e-12);
    });
  });
});
