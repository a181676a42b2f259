import type { Dataset, InputColumn } from './dataset.ts';
import { binCategory, binNumeric, fitCategory, fitNumeric, type BinnedColumn, type Encoder } from './gbdt/binned.ts';
import type { GbdtParameters } from './gbdt/parameters.ts';

/** Fits thresholds and vocabularies on the given rows, which must be training rows, one encoder for each column. */
export function fitEncoders(dataset: Dataset, trainRows: Int32Array, parameters: GbdtParameters): readonly Encoder[] {
  return dataset.columns.map((column) => {
    if (column.type === 'category')
      return fitCategory(
        Array.from(trainRows, (row) => column.values[row] ?? ''),
        parameters.categories,
      );
    return fitNumeric(
      Float32Array.from(trainRows, (row) => column.values[row] as number),
      parameters.bins,
    );
  });
}

/** Bins of all rows. */
export function encode(columns: readonly InputColumn[], encoders: readonly Encoder[]): readonly BinnedColumn[] {
  return columns.map((column, index) => {
    const encoder = encoders[index];
    if (column.type === 'number' && encoder?.kind === 'numeric') return binNumeric(encoder.thresholds, column.values);
    if (column.type === 'category' && encoder?.kind === 'category')
      return binCategory(encoder.vocabulary, column.values);
    throw new Error(`column ${column.name} and its encoder are of different kinds`);
  });
}
