import { splitColumn, type ModelSpec } from '@everloop/contracts';

/** What the rows of a training set belong to. */
export interface TrainingUnit {
  readonly field: string;
  /** Column of the training set. */
  readonly column: string;
}

/** Field that the split keeps together; undefined where it cuts by time. */
function splitField({ training, joinKey }: ModelSpec): string | undefined {
  const { split } = training;
  return split === undefined || split.by === 'time' ? undefined : (splitColumn(training) ?? joinKey);
}

/**
 * The unit that Monitors of the model count rows by, or else the one that its split keeps together; null where none is named, or where the training set
 * does not have it: it has the inputs, the join key, and the column of the split, but no other fields of the request.
 */
export function trainingUnit({
  spec,
  unit,
}: {
  readonly spec: ModelSpec;
  readonly unit?: string;
}): TrainingUnit | null {
  const field = unit ?? splitField(spec);
  if (field === undefined) return null;
  if (field === splitColumn(spec.training)) return { field, column: '__group' };
  if (field === spec.joinKey) return { field, column: '__join_key' };
  return spec.inputs.some(({ name }) => name === field) ? { field, column: field } : null;
}
