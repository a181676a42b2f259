import { countPane, likenessUnitsMax, prepareBaseline, withIntraclass } from '@everloop/drift';
import type { drift } from '@everloop/contracts';
import { hashText } from '@everloop/stats';
import type { Dataset } from './dataset.ts';
import { RecipeError } from './errors.ts';
import { rowReader, type ScoredRows } from './history.ts';
import type { JobUnit } from './job.ts';

function unitReader(dataset: Dataset, { column }: JobUnit): (row: number) => string {
  const { joinKeys, groups } = dataset;
  if (column === '__join_key') return (row) => joinKeys[row] ?? '';
  if (column === '__group' && groups !== null) return (row) => groups[row] ?? '';
  const values = dataset.columns.find(({ name }) => name === column)?.values;
  if (values === undefined)
    throw new RecipeError('EVL_RECIPE_DATASET_INVALID', `unit.column ${column} is no column of the dataset`);
  return (row) => {
    const value = values[row];
    return value === undefined || Number.isNaN(value) ? '' : String(value);
  };
}

/**
 * The baseline with how alike training rows of the same unit are, over at most 20,000 units, those whose names have the smallest hashes.
 *
 * @throws RecipeError EVL_RECIPE_DATASET_INVALID when there is no column of the units.
 */
export function addLikeness(
  message: drift.Baseline,
  dataset: Dataset,
  trainRows: Int32Array,
  { unit, scored }: { readonly unit: JobUnit; readonly scored: ScoredRows },
): drift.Baseline {
  const unitOf = unitReader(dataset, unit);
  const byUnit = new Map<string, number[]>();
  let unknown = 0;
  for (const row of trainRows) {
    const name = unitOf(row);
    const own = byUnit.get(name);
    if (name === '') unknown += 1;
    else if (own === undefined) byUnit.set(name, [row]);
    else own.push(row);
  }
  const sizes = [...Array.from(byUnit.values(), ({ length }) => length), ...new Array<number>(unknown).fill(1)];
  const sampled = [...byUnit]
    .map(([name, rows]) => ({ name, rows, hash: hashText(name) }))
    .sort((a, b) => a.hash - b.hash || (a.name < b.name ? -1 : 1))
    .slice(0, likenessUnitsMax);
  const baseline = prepareBaseline(message);
  const rowAt = rowReader(dataset, scored);
  const counts = sampled.map(({ rows }) => {
    const group = { model: message.model, baselineVersion: '', startMs: 0, rows: rows.map(rowAt) };
    return countPane(group, baseline).fields;
  });
  return withIntraclass(message, { field: unit.field, sizes, counts });
}
