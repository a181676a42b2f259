import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createModelHost, inspectModel, type RunInput } from '@everloop/onnx';
import { createLogger } from '@everloop/service';
import { auc, logLoss } from '@everloop/stats';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { InputColumn } from '../src/dataset.ts';
import { gbdtToOnnx } from '../src/gbdt-to-onnx.ts';
import { resolveParameters } from '../src/gbdt/parameters.ts';
import { predict } from '../src/gbdt/train.ts';
import { encode } from '../src/preprocess.ts';
import { sampleColumns } from '../src/results.ts';
import { fit } from '../src/run-job.ts';
import { splitFor, synthetic } from './synthetic.ts';

const rows = 24_000;
const { dataset, truth } = synthetic(rows, 5);
const job = { split: splitFor(rows), seed: 11 };
const parameters = resolveParameters({ rounds: 150, learningRate: 0.1, leaves: 15 });
const fitted = fit(dataset, job, parameters, () => undefined);

function runInput(columns: readonly InputColumn[], count: number): RunInput {
  const of = (type: InputColumn['type']) => columns.filter((column) => column.type === type);
  const numeric = of('number');
  const category = of('category');
  return {
    rows: count,
    numeric: Float32Array.from({ length: count * numeric.length }, (_, i) =>
      Number(numeric[i % numeric.length]?.values[Math.floor(i / numeric.length)] ?? NaN),
    ),
    categories: Array.from({ length: count * category.length }, (_, i) =>
      String(category[i % category.length]?.values[Math.floor(i / category.length)] ?? ''),
    ),
  };
}

describe('gradient boosting', () => {
  it('ranks unseen rows nearly as well as the truth does', () => {
    const held = fitted.parts.timeHoldout;
    const labels = Array.from(held, (row) => dataset.labels[row] ?? 0);
    const scores = predict(fitted.ensemble, fitted.columns, held);
    const best = Array.from(held, (row) => truth[row] ?? 0);
    expect(auc(best, labels) - auc(scores, labels)).toBeLessThan(0.015);
    expect(logLoss(scores, labels) - logLoss(best, labels)).toBeLessThan(0.02);
  });

  it('stops early and keeps the trees of the best round', () => {
    expect(fitted.ensemble.trees.length).toBeGreaterThan(20);
    expect(fitted.ensemble.trees.length).toBeLessThanOrEqual(parameters.rounds);
    expect(fitted.losses.map((loss) => loss.round % 10)).toEqual(fitted.losses.map(() => 0));
    expect(fitted.losses.at(-1)?.validation).toBeLessThan(fitted.losses[0]?.validation ?? 0);
  });

  it('fits no row of a holdout and no validation row', () => {
    const fitRows = new Set(fitted.fitRows);
    for (const part of [fitted.parts.timeHoldout, fitted.parts.fixedHoldout, fitted.validationRows])
      expect(part.some((row) => fitRows.has(row))).toBe(false);
    expect(fitted.fitRows.length + fitted.validationRows.length).toBe(fitted.parts.train.length);
  });

  it('gives the same bytes for the same input and others for another seed', () => {
    const bytes = (seed: number): Uint8Array => {
      const again = fit(dataset, { ...job, seed }, resolveParameters({ rounds: 20 }), () => undefined);
      return gbdtToOnnx(again.ensemble, again.encoders);
    };
    expect(bytes(1)).toEqual(bytes(1));
    expect(bytes(1)).not.toEqual(bytes(2));
  });

  it('learns nothing from labels that cannot be explained', () => {
    const random = synthetic(4_000, 9).dataset;
    const shuffled = {
      ...random,
      labels: random.labels.map((_, row, all) => all[(row * 1_237 + 11) % all.length] ?? 0),
    };
    const { ensemble, columns } = fit(shuffled, { split: splitFor(4_000), seed: 1 }, parameters, () => undefined);
    const held = splitFor(4_000).timeHoldout;
    const last = Int32Array.from({ length: 800 }, (_, i) => 3_200 + i).filter(
      (row) => (shuffled.timesMs[row] ?? 0) >= held.fromMs,
    );
    const result = auc(
      predict(ensemble, columns, last),
      Array.from(last, (row) => shuffled.labels[row] ?? 0),
    );
    expect(Math.abs(result - 0.5)).toBeLessThan(0.08);
  });
});

describe('the exported model', { timeout: 180_000 }, () => {
  const host = createModelHost({ name: 'parity', logger: createLogger({ service: 'test', level: 'silent' }) });
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'everloop-gbdt-'));
    await host.start();
  }, 60_000);
  afterAll(async () => {
    await host.stop();
    await rm(dir, { recursive: true, force: true });
  });

  async function load(key: string, bytes: Uint8Array): Promise<void> {
    const path = join(dir, `${key}.onnx`);
    await writeFile(path, bytes);
    await host.load(key, path, createHash('sha256').update(bytes).digest('hex'));
  }

  it('has the inputs and the output that the gateway expects', () => {
    expect(inspectModel(gbdtToOnnx(fitted.ensemble, fitted.encoders))).toEqual({
      inputs: [
        { name: 'numeric', datatype: 'float32', shape: [-1, 4] },
        { name: 'category', datatype: 'string', shape: [-1, 2] },
      ],
      outputs: [{ name: 'score', datatype: 'float32', shape: [-1, 1] }],
      ops: ['Add', 'Concat', 'Sigmoid', 'Split', 'ai.onnx.ml:LabelEncoder', 'ai.onnx.ml:TreeEnsemble'],
    });
  });

  it('scores as the recipe does: missing numbers, missing and unseen categories too', async () => {
    await load('parity', gbdtToOnnx(fitted.ensemble, fitted.encoders));
    const columns = sampleColumns(dataset, 4_000);
    const count = columns[0]?.values.length ?? 0;
    const own = predict(
      fitted.ensemble,
      encode(columns, fitted.encoders),
      Int32Array.from({ length: count }, (_, row) => row),
    );
    const scores = await host.run('parity', runInput(columns, count), { timeoutMs: 60_000 });
    const worst = Math.max(...scores.map((score, row) => Math.abs(score - (own[row] ?? NaN))));
    expect(worst).toBeLessThanOrEqual(1e-6);
    const sets = fitted.ensemble.trees.flatMap((tree) => tree.nodes.filter((node) => node.test.kind === 'category'));
    expect(sets.length).toBeGreaterThan(0);
    // Unknown (bin 0) is a member of some set, so that the comparison has covered it.
    expect(sets.some((node) => node.isLeft[0] === 1)).toBe(true);
  });

  it.each([
    ['numbers alone', ['number']],
    ['categories alone', ['category']],
  ])('works for %s', async (_name, types) => {
    const only = { ...dataset, columns: dataset.columns.filter((column) => types.includes(column.type)).slice(0, 3) };
    const part = fit(only, job, resolveParameters({ rounds: 5 }), () => undefined);
    await load('part', gbdtToOnnx(part.ensemble, part.encoders));
    const columns = sampleColumns(only, 300);
    const count = columns[0]?.values.length ?? 0;
    const own = predict(
      part.ensemble,
      encode(columns, part.encoders),
      Int32Array.from({ length: count }, (_, row) => row),
    );
    const scores = await host.run('part', runInput(columns, count), { timeoutMs: 60_000 });
    expect(Math.max(...scores.map((score, row) => Math.abs(score - (own[row] ?? NaN))))).toBeLessThanOrEqual(1e-6);
  });

  it('works when nothing could be learned', async () => {
    await load('flat', gbdtToOnnx({ base: 0.5, trees: [] }, fitted.encoders));
    const scores = await host.run('flat', runInput(sampleColumns(dataset, 3), 2), { timeoutMs: 60_000 });
    for (const score of scores) expect(score).toBeCloseTo(1 / (1 + Math.exp(-0.5)), 6);
  });
});
