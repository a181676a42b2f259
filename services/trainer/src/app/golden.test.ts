import type { ModelSpec, SplitSpec } from '@everloop/contracts';
import { readColumn } from '@everloop/features';
import type { Column, ColumnTable } from '@everloop/storage';
import { describe, expect, it } from 'vitest';
import { dayMs, modelSpec } from '../../test/fakes.ts';
import { goldenRowsMax, sampleGolden, scoreGolden } from './golden.ts';
import { findHoldouts } from './rows.ts';

const rows = 1_000;
const split: SplitSpec = {
  train: { fromMs: 0, untilMs: 60 * dayMs },
  timeHoldout: { fromMs: 60 * dayMs, untilMs: 100 * dayMs },
  fixedHoldoutPercent: 10,
  fixedHoldoutSalt: 's',
};
const numbers = (of: (row: number) => number): Column => ({
  type: 'number',
  values: Float64Array.from({ length: rows }, (_, row) => of(row)),
});
const texts = (of: (row: number) => string | null): Column => ({
  type: 'string',
  values: Array.from({ length: rows }, (_, row) => of(row)),
});

function tableOf(more: Readonly<Record<string, Column>> = {}): ColumnTable {
  const columns = {
    carrier: texts((row) => (row % 7 === 0 ? null : `c${row % 3}`)),
    x: numbers((row) => (row % 5 === 0 ? NaN : row / 8)),
    y: numbers((row) => -row),
    ...more,
    __join_key: texts((row) => `k${row}`),
    __time_ms: numbers((row) => row * (dayMs / 10)),
    __label: numbers((row) => row % 2),
  };
  return { rows, columns: new Map(Object.entries(columns)) };
}

const sample = (table: ColumnTable, seed = 3, spec: ModelSpec = modelSpec()) =>
  sampleGolden({ table, spec, split, seed, rowOf: findHoldouts(table, split).rowOf });
const trips = (sampled: ReturnType<typeof sample>) => sampled?.golden.rows.map(({ request }) => request['id']);

describe('sampleGolden', () => {
  it('takes training rows only, the same for the same seed and others for another', () => {
    const table = tableOf();
    const sampled = sample(table);
    expect(sampled?.golden.rows).toHaveLength(goldenRowsMax);
    const { timeHoldout, fixedHoldout } = findHoldouts(table, split);
    const held = new Set([...timeHoldout, ...fixedHoldout].map((row) => `k${row}`));
    expect(trips(sampled)?.filter((trip) => held.has(String(trip)))).toEqual([]);
    expect(trips(sample(table))).toEqual(trips(sampled));
    expect(trips(sample(table, 4))).not.toEqual(trips(sampled));
  });

  it('keeps raw values and inputs with what is missing as null', () => {
    const row = sample(tableOf())?.golden.rows.find(({ inputs }) => inputs[0] === null && inputs[1] === null);
    expect(row).toMatchObject({ request: { carrier: null, x: null }, features: {} });
    expect(row?.inputs[2]).toBe(row?.request['y']);
  });

  it('has what is computed on demand only where the training set says of what', () => {
    const spec = {
      ...modelSpec(),
      inputs: [...modelSpec().inputs, { name: 'ratio', type: 'number' as const, from: 'onDemand.ratio' }],
    };
    const ratio = numbers((row) => row / 2);
    expect(sample(tableOf({ ratio }), 3, spec)).toBeNull();
    const speed = numbers((row) => row * 3);
    const sampled = sample(tableOf({ ratio, [readColumn('courier.speed')]: speed }), 3, spec);
    for (const { inputs, features } of sampled?.golden.rows ?? [])
      expect(features).toEqual({ 'courier.speed': Number(inputs[3]) * 6 });
    expect(sampled?.golden.rows).toHaveLength(goldenRowsMax);
  });
});

it('scores the sample in its order', async () => {
  const table = tableOf();
  const spec = modelSpec();
  const given = { table, spec, split, seed: 3, rowOf: findHoldouts(table, split).rowOf };
  const sampled = sampleGolden(given);
  if (sampled === null) throw new Error('no sample');
  const scorer = {
    load: async () => undefined,
    unload: async () => undefined,
    // The second number is y.
    run: async (_key: string, batch: { rows: number; numeric: Float32Array }) =>
      Float64Array.from({ length: batch.rows }, (_, row) => batch.numeric[row * 2 + 1] ?? NaN),
  };
  const golden = await scoreGolden({ ...given, ...sampled }, scorer, 'm', 1_000);
  expect(golden.rows.map(({ score }) => score)).toEqual(golden.rows.map(({ inputs }) => inputs[2]));
});
