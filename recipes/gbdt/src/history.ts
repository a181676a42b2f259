import { serving, type drift } from '@everloop/contracts';
import { countPane, prepareBaseline } from '@everloop/drift';
import type { Dataset } from './dataset.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** Counts that a history of hours may have at most, about 10 MB; a larger one is of days. */
const entriesMax = 4_000_000;

function valueOf(value: number | string | undefined): serving.FeatureValue {
  if (value === undefined || value === '' || Number.isNaN(value)) return { kind: { $case: 'missing', value: true } };
  return typeof value === 'number' ? { kind: { $case: 'number', value } } : { kind: { $case: 'text', value } };
}

/** Width of the panes: an hour, or a day where hours would be too many. */
function widthOf(rows: number, times: number, columns: number): number {
  return Math.min(rows, times * 256) * columns > entriesMax ? dayMs : hourMs;
}

/** Rows that were scored without having been fitted, and their scores. */
export interface ScoredRows {
  readonly rows: Int32Array;
  readonly scores: Float64Array;
}

/** Rows of the dataset as the detector sees predictions. */
export function rowReader(dataset: Dataset, { rows, scores }: ScoredRows): (row: number) => serving.Inference {
  const scoreOf = new Map(Array.from(rows, (row, i) => [row, scores[i] ?? 0]));
  const inputNames = dataset.columns.map(({ name }) => name);
  return (row) =>
    serving.Inference.fromPartial({
      inputNames,
      inputValues: dataset.columns.map(({ values }) => valueOf(values[row])),
      score: scoreOf.get(row) ?? 0,
      // Only the champion's own scores are counted; a fitted row's is none.
      modelVersion: scoreOf.has(row) ? '' : 'fitted',
      eventTimeMs: dataset.timesMs[row] ?? 0,
    });
}

/**
 * The training rows in time, counted on the baseline's bins as the detector counts predictions: what alarm budgets are tried on. Rows that
 * were scored without having been fitted count with their score, as in the baseline. In the order of time.
 */
export function buildHistory(
  message: drift.Baseline,
  dataset: Dataset,
  trainRows: Int32Array,
  scored: ScoredRows,
): drift.History {
  const baseline = prepareBaseline(message);
  const hours = new Set(Array.from(trainRows, (row) => Math.floor((dataset.timesMs[row] ?? 0) / hourMs))).size;
  const widthMs = widthOf(trainRows.length, hours, message.fields.length);
  const byStart = new Map<number, number[]>();
  for (const row of trainRows) {
    const startMs = Math.floor((dataset.timesMs[row] ?? 0) / widthMs) * widthMs;
    const own = byStart.get(startMs);
    if (own === undefined) byStart.set(startMs, [row]);
    else own.push(row);
  }
  const rowAt = rowReader(dataset, scored);
  const panes = [...byStart]
    .sort(([a], [b]) => a - b)
    .map(([startMs, rows]) => {
      const group = { model: message.model, baselineVersion: '', startMs, rows: rows.map(rowAt) };
      return { ...countPane(group, baseline), widthMs };
    });
  return { panes };
}
