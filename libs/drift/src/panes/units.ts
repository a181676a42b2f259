import type { drift, serving } from '@everloop/contracts';
import { hashText, ValueCounts } from '@everloop/stats';
import { unitsMax } from './counts.ts';

function textOf(value: serving.FeatureValue | undefined): string {
  const kind = value?.kind;
  return kind === undefined || kind.$case === 'missing' ? '' : String(kind.value);
}

/** Unit of a row: the input or request field of that name; without a name, or where the row has no such value, what its draw was made for. */
export function unitOf(row: serving.Inference, field: string | undefined): string {
  if (field === undefined) return row.unit;
  const place = row.inputNames.indexOf(field);
  const text = textOf(place >= 0 ? row.inputValues[place] : row.requestValues[row.requestNames.indexOf(field)]);
  return text === '' ? row.unit : text;
}

/** How many rows each unit has; undefined where no row names one. O(rows). */
export function countUnits(
  rows: readonly serving.Inference[],
  field: string | undefined,
): drift.UnitCounts | undefined {
  const counts = new ValueCounts(unitsMax);
  let isCounted = false;
  for (const row of rows) {
    const unit = unitOf(row, field);
    if (unit === '') continue;
    isCounted = true;
    counts.add(hashText(unit));
  }
  if (!isCounted) return undefined;
  const { values, complete } = counts.state();
  return {
    hashes: values.map(({ hash }) => hash),
    counts: values.map(({ count }) => count),
    incomplete: !complete,
  };
}
