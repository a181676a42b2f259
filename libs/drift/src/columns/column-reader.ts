import type { drift, serving } from '@everloop/contracts';
import { fieldIndex, type FieldValue } from '@everloop/stats';
import type { Row } from '../rows/row.ts';
import { embeddingReader } from './embedding.ts';
import { encodingClass, ngramBuckets, unknownShareOf } from './text.ts';

/** Counts what rows hold in one column that is not an input as it is. */
export interface ColumnReader {
  /** Inputs whose places `countRow` wants. */
  readonly inputs: readonly string[];
  /**
   * Adds what a row holds to `counts`, one for each bin of the column. `places`: where each of `inputs` is among the row's, -1 where it is not.
   * Returns how many values were missing, 0 or 1.
   */
  countRow(row: Row, places: readonly number[], counts: Float64Array): number;
}

type Reading = Omit<ColumnReader, 'inputs'>;
/** Bin of a value on the column; -1: missing. */
type Bin = (value: FieldValue) => number;

function counted(bin: number, counts: Float64Array): number {
  if (bin < 0) return 1;
  counts[bin] = (counts[bin] ?? 0) + 1;
  return 0;
}

/** The text of an input, as categories are told apart; null: missing. */
function textOf(value: serving.FeatureValue | undefined): string | null {
  switch (value?.kind?.$case) {
    case 'text':
      return value.kind.value === '' ? null : value.kind.value;
    case 'number':
      return Number.isNaN(value.kind.value) ? null : String(value.kind.value);
    case 'missing':
    case undefined:
      return null;
  }
}

function textReading(binOf: Bin, valueOf: (text: string) => number | string): Reading {
  return {
    countRow(row, places, counts) {
      const text = textOf(row.inputValues[places[0] ?? -1]);
      return counted(text === null ? -1 : binOf(valueOf(text)), counts);
    },
  };
}

function ngramReading(buckets: number): Reading {
  return {
    countRow(row, places, counts) {
      const text = textOf(row.inputValues[places[0] ?? -1]);
      for (const bucket of text === null ? [] : ngramBuckets(text, buckets)) counts[bucket] = (counts[bucket] ?? 0) + 1;
      return 0;
    },
  };
}

/** Attributions are there where somebody asked for them; those of a canary are not the champion's. */
function attributionReading(binOf: Bin): Reading {
  return {
    countRow(row, places, counts) {
      if (row.attributions.length === 0 || row.modelVersion !== row.championVersion) return 0;
      return counted(binOf(row.attributions[places[0] ?? -1]), counts);
    },
  };
}

function embeddingReading(binOf: Bin, measure: drift.Measure): Reading {
  const valueOf = embeddingReader(measure);
  const values = new Float64Array(measure.inputs.length);
  return {
    countRow(row, places, counts) {
      for (let i = 0; i < values.length; i += 1) {
        const kind = row.inputValues[places[i] ?? -1]?.kind;
        values[i] = kind?.$case === 'number' ? kind.value : Number.NaN;
      }
      return counted(binOf(valueOf(values)), counts);
    },
  };
}

function readingOf(measure: drift.Measure, binOf: Bin): Reading | null {
  switch (measure.kind) {
    case 'length':
      return textReading(binOf, (text) => text.length);
    case 'encoding':
      return textReading(binOf, encodingClass);
    case 'unknown-words': {
      const vocabulary = new Set(measure.vocabulary);
      return textReading(binOf, (text) => unknownShareOf(text, (word) => vocabulary.has(word)));
    }
    case 'ngrams':
      return ngramReading(Math.max(1, measure.buckets));
    case 'norm':
    case 'component':
    case 'residual':
      return embeddingReading(binOf, measure);
    case 'verdict':
      return { countRow: (row, _, counts) => (row.verdict === '' ? 0 : counted(binOf(row.verdict), counts)) };
    case 'attribution':
      return attributionReading(binOf);
    default:
      return null;
  }
}

/**
 * What counts the rows of a column; null for a column that is an input or the score as it is. Rows that have nothing to say (no attributions,
 * the verdict of records older than verdicts) are neither counted nor missing. A measure of an unknown kind is a column that is always missing:
 * see `columnProblem`.
 */
export function columnReader(reference: drift.FieldReference): ColumnReader | null {
  const { measure } = reference;
  if (measure === undefined) return null;
  const kind = reference.kind === 'numeric' ? 'numeric' : 'categorical';
  const index = fieldIndex({ ...reference, kind });
  const reading = readingOf(measure, (value) => index.indexOf(value)) ?? { countRow: () => 1 };
  return { inputs: measure.inputs, ...reading };
}

/** Why the values of a column cannot be computed, or null. */
export function columnProblem({ field, measure, categories }: drift.FieldReference): string | null {
  if (measure === undefined) return null;
  if (readingOf(measure, () => -1) === null)
    return `field ${field} is measured by "${measure.kind}", which is not known`;
  const { inputs, kind, centre, spread, directions, buckets } = measure;
  if (kind === 'ngrams' && (buckets < 1 || buckets !== categories.length))
    return `field ${field} has ${buckets} buckets and ${categories.length} categories`;
  const isProjected = kind === 'component' || kind === 'residual';
  const isWhole = centre.length === inputs.length && spread.length === inputs.length;
  if (isProjected && (!isWhole || directions.length % Math.max(1, inputs.length) !== 0))
    return `field ${field} has directions that do not fit its ${inputs.length} inputs`;
  if (kind === 'component' && directions.length !== inputs.length) return `field ${field} needs one direction`;
  return null;
}
