import type { drift } from '@everloop/contracts';
import { fieldIndex, type FieldIndex, type FieldReference } from '@everloop/stats';
import { columnProblem, columnReader, type ColumnReader } from '../columns/column-reader.ts';

/** A frozen training distribution, ready for counting and judging. */
export interface Baseline {
  readonly model: string;
  readonly version: string;
  /** Field that says what a row belongs to, for likeness; null: not said. */
  readonly unit: string | null;
  /** Rows of the unit of an average training row, at least 1. */
  readonly unitRows: number;
  /** Rows of the training snapshot, or of the phases that it is about. */
  readonly rows: number;
  /** Which training rows these are, in words ("hour 13"); empty: all of them. */
  readonly phase: string;
  readonly fields: readonly {
    readonly reference: FieldReference;
    readonly index: FieldIndex;
    /** Of a column that is not an input, or the score, as it is. */
    readonly reader: ColumnReader | null;
    /** What the column means to the model; 0 for all where nobody measured it. */
    readonly importance: number;
    /** Intraclass correlation within a unit, 0 to 1. */
    readonly intraclass: number;
    /** Counts that are worth one independent count of the same row, at least 1. */
    readonly repeatEffect: number;
    /** Whether its reference is rows of the training, or has to be learned in service, see `withLearned`. */
    readonly origin: 'training' | 'service';
  }[];
}

/** Of what happens to predictions there are no training rows; a recipe that has some all the same may say so by counts. */
function originOf({ measure, counts, missing }: drift.FieldReference): 'training' | 'service' {
  const isOfService = measure?.kind === 'verdict' || measure?.kind === 'attribution';
  return isOfService && missing === 0 && counts.every((count) => count === 0) ? 'service' : 'training';
}

/** Why a baseline cannot be used, or null: every count must have its bin. */
export function baselineProblem(message: drift.Baseline): string | null {
  for (const reference of message.fields) {
    const { field, kind, edges, categories, counts } = reference;
    if (kind !== 'numeric' && kind !== 'categorical') return `field ${field} is of kind "${kind}"`;
    const bins = (kind === 'numeric' ? edges.length : categories.length) + 1;
    if (counts.length !== bins) return `field ${field} has ${counts.length} counts for ${bins} bins`;
    if (edges.some((edge, i) => i > 0 && !(edge > (edges[i - 1] ?? Infinity))))
      return `edges of field ${field} do not ascend`;
    const problem = columnProblem(reference);
    if (problem !== null) return problem;
  }
  return null;
}

/** Prepares the lookups. The baseline must have no `baselineProblem`. */
export function prepareBaseline(message: drift.Baseline): Baseline {
  const fields = message.fields.map((field) => {
    const reference: FieldReference = { ...field, kind: field.kind === 'numeric' ? 'numeric' : 'categorical' };
    const { importance, intraclass, measure } = field;
    const repeatEffect = Math.max(1, measure?.repeatEffect ?? 1);
    const index = fieldIndex(reference);
    const origin = originOf(field);
    return { reference, index, reader: columnReader(field), importance, intraclass, repeatEffect, origin };
  });
  const { model, modelVersion: version, rows } = message;
  const unit = message.unit === '' ? null : message.unit;
  return { model, version, unit, unitRows: Math.max(1, message.unitRows), rows, phase: '', fields };
}
