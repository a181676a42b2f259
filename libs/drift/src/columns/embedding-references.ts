import { drift } from '@everloop/contracts';
import { buildFieldReference, fitPca, type FieldValue, type PcaModel } from '@everloop/stats';
import { embeddingReader } from './embedding.ts';
import type { EmbeddingColumns, TrainingColumn } from './training-columns.ts';

/** Rows that the components are fitted to. */
const fittedRowsMax = 5_000;
/** Rows that are measured. */
const measuredRowsMax = 50_000;

/** The rows in which no number is missing, one after another: [rows, columns]. */
function completeRows(columns: readonly (ArrayLike<FieldValue> | undefined)[]): readonly Float64Array[] {
  const rows: Float64Array[] = [];
  for (let row = 0; row < (columns[0]?.length ?? 0); row += 1) {
    const values = Float64Array.from(columns, (column) => {
      const value = column?.[row];
      return typeof value === 'number' ? value : Number.NaN;
    });
    if (values.every(Number.isFinite)) rows.push(values);
  }
  return rows;
}

function evenly<T>(items: readonly T[], most: number): readonly T[] {
  const step = Math.max(1, Math.ceil(items.length / most));
  return items.filter((_, i) => i % step === 0);
}

function fitted(rows: readonly Float64Array[], columns: number, components: number): PcaModel {
  const values = new Float64Array(rows.length * columns);
  rows.forEach((row, i) => values.set(row, i * columns));
  return fitPca({ values, columns }, { components });
}

/**
 * Columns of an embedding: `<name>.norm`, `<name>.component1` and so on, `<name>.residual`. The components are fitted to every other row and the
 * distributions are those of the rows between: on the rows that it was fitted to a plane lies closer than it ever will again. A row in
 * which a number is missing is missing. O(rows × inputs × components).
 *
 * Source: principal components of H. Hotelling (1933); the residual of J. E. Jackson and G. S. Mudholkar (1979); that such measures find drift of
 * embeddings: S. Rabanser, S. Günnemann and Z. C. Lipton (2019), Failing Loudly, NeurIPS 32 (univariate tests after dimensionality reduction).
 */
export function embeddingReferences(
  { name, inputs, components }: EmbeddingColumns,
  columns: readonly TrainingColumn[],
): readonly drift.FieldReference[] {
  const own = inputs.map((input) => columns.find((column) => column.name === input)?.values);
  const all = own[0]?.length ?? 0;
  const rows = completeRows(own);
  const measured = evenly(
    rows.filter((_, i) => i % 2 === 1),
    measuredRowsMax,
  );
  const model = fitted(
    evenly(
      rows.filter((_, i) => i % 2 === 0),
      fittedRowsMax,
    ),
    inputs.length,
    Math.min(components, inputs.length - 1),
  );
  // Missing as often as among all rows.
  const missing = rows.length === 0 ? all : Math.round(((all - rows.length) * measured.length) / rows.length);
  const reference = (suffix: string, measure: Partial<drift.Measure>): drift.FieldReference => {
    const full = drift.Measure.fromPartial({ inputs: [...inputs], ...measure });
    const counted = buildFieldReference('numeric', `${name}.${suffix}`, measured.map(embeddingReader(full)));
    return drift.FieldReference.fromPartial({ ...counted, missing, measure: full });
  };
  const plane = { centre: [...model.mean], spread: [...model.scale] };
  const kept = model.components.length / inputs.length;
  return [
    reference('norm', { kind: 'norm' }),
    ...Array.from({ length: kept }, (_, c) => {
      const directions = model.components.slice(c * inputs.length, (c + 1) * inputs.length);
      return reference(`component${c + 1}`, { kind: 'component', ...plane, directions });
    }),
    reference('residual', { kind: 'residual', ...plane, directions: [...model.components] }),
  ];
}
