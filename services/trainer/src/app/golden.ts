import { hash } from 'node:crypto';
import { splitOf, type ModelSpec, type SplitSpec } from '@everloop/contracts';
import { isReadColumn, rawValues, type GoldenRow, type GoldenRows } from '@everloop/features';
import type { Column, ColumnTable } from '@everloop/storage';
import type { Scorer } from '../ports.ts';
import { scoreRows, type Holdouts } from './rows.ts';

/** Enough that each input differs somewhere and a background for explanations is not one odd row; few enough to score in a moment. */
export const goldenRowsMax = 100;

type Value = string | number | null;

export interface GoldenInput {
  readonly table: ColumnTable;
  readonly spec: Pick<ModelSpec, 'inputs' | 'joinKey' | 'request'>;
  readonly split: SplitSpec;
  readonly rowOf: Holdouts['rowOf'];
  readonly seed: number;
}

/**
 * A sample of the training rows with everything that they were made of, without scores yet; null where the training set does not say what
 * an on-demand input was computed from (it was made before such columns were kept). The same for the same rows and seed. O(rows).
 */
export function sampleGolden(input: GoldenInput): { readonly rows: Int32Array; readonly golden: GoldenRows } | null {
  const { table, spec } = input;
  const columns = [...table.columns.keys()];
  const isComputed = spec.inputs.some(({ from }) => from.startsWith('onDemand.'));
  if (isComputed && !columns.some(isReadColumn)) return null;
  const rows = sampleRows(input);
  const golden = Array.from(rows, (row): GoldenRow => {
    const value = (column: string): Value | undefined => valueOf(table.columns.get(column), row);
    const inputs = spec.inputs.map(({ name }) => value(name) ?? null);
    return { timeMs: input.rowOf(row).timeMs, ...rawValues(spec, columns, value), inputs, score: NaN };
  });
  return { rows, golden: { inputs: spec.inputs.map(({ name }) => name), rows: golden } };
}

/** Scores the sample as the training set has it. */
export async function scoreGolden(
  { table, spec, ...sampled }: GoldenInput & NonNullable<ReturnType<typeof sampleGolden>>,
  scorer: Scorer,
  key: string,
  timeoutMs: number,
): Promise<GoldenRows> {
  const scores = await scoreRows(scorer, key, table, spec.inputs, sampled.rows, timeoutMs);
  const rows = sampled.golden.rows.map((row, index) => ({ ...row, score: scores[index] ?? NaN }));
  return { ...sampled.golden, rows };
}

/** Training rows with the smallest hashes of seed, join key and time, in the order of the table. */
function sampleRows({ table, split, rowOf, seed }: GoldenInput): Int32Array {
  const hashed: { readonly row: number; readonly order: string }[] = [];
  for (let row = 0; row < table.rows; row += 1) {
    const of = rowOf(row);
    if (splitOf(of, split) !== 'train') continue;
    hashed.push({ row, order: hash('sha256', `golden\0${seed}\0${of.joinKey}\0${of.timeMs}`, 'hex') });
  }
  hashed.sort((a, b) => (a.order < b.order ? -1 : 1));
  return Int32Array.from(hashed.slice(0, goldenRowsMax), ({ row }) => row).sort();
}

function valueOf(column: Column | undefined, row: number): Value | undefined {
  if (column === undefined) return undefined;
  const value = column.values[row] ?? null;
  return typeof value === 'number' && Number.isNaN(value) ? null : value;
}
