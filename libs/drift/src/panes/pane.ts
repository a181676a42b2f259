import { inclusionWeight, type drift, type serving } from '@everloop/contracts';
import type { FieldValue } from '@everloop/stats';
import type { Baseline } from './baseline.ts';

/** Width of a pane: one UTC day. Windows are made of whole panes. */
export const paneMs = 86_400_000;
/** Name of the output among a baseline's fields. */
export const scoreField = 'score';

/** Rows of one batch that belong to one pane. */
export interface PaneRows {
  readonly model: string;
  /** Champion when the request was routed; empty when there was none. */
  readonly baselineVersion: string;
  readonly startMs: number;
  readonly rows: readonly serving.Inference[];
}

/** Rows by model, champion version and event day, sorted by them. */
export function groupRows(rows: readonly serving.Inference[]): readonly PaneRows[] {
  const groups = new Map<string, { readonly pane: PaneRows; readonly rows: serving.Inference[] }>();
  for (const row of rows) {
    const startMs = Math.floor(row.eventTimeMs / paneMs) * paneMs;
    const key = `${row.model}\n${row.championVersion}\n${startMs}`;
    const known = groups.get(key);
    if (known !== undefined) known.rows.push(row);
    else {
      const own = [row];
      const pane = { model: row.model, baselineVersion: row.championVersion, startMs, rows: own };
      groups.set(key, { pane, rows: own });
    }
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, { pane }]) => pane);
}

function valueOf(value: serving.FeatureValue | undefined): FieldValue {
  switch (value?.kind?.$case) {
    case 'number':
    case 'text':
      return value.kind.value;
    case 'missing':
    case undefined:
      return null;
  }
}

/** Finds inputs by name; the names of successive rows are nearly always the same. */
function createPositions(fields: readonly string[]): (names: readonly string[]) => readonly number[] {
  let known: readonly string[] = [];
  let positions: readonly number[] = fields.map(() => -1);
  return (names) => {
    if (names.length !== known.length || names.some((name, i) => name !== known[i])) {
      known = names;
      positions = fields.map((field) => names.indexOf(field));
    }
    return positions;
  };
}

/**
 * Counts rows on the bins of the champion's baseline: each input by name, and `score`. An input that a row does not have counts as missing.
 * The score counts only where the champion itself computed it: a canary's scores are not the champion's. Without a baseline only the
 * rows are counted. O(rows × fields × log bins).
 *
 * Where a model logs a share of its predictions, each row counts once on its bin all the same: the share is the same for all rows and has nothing to
 * do with what they hold, so they are a simple random sample. Its proportions are those of all, and its size, which is also the effective sample
 * size (Σw)²/Σw² (Kish 1965, Survey Sampling, 8.2) of equal weights, is the n of the tests; rows counted 1/p times would pass chance for drift.
 */
export function countPane(pane: PaneRows, baseline: Baseline | null): drift.Pane {
  const { model, baselineVersion, startMs, rows } = pane;
  const fields = baseline?.fields ?? [];
  const counts = fields.map(({ index }) => new Float64Array(index.size));
  const missing = fields.map(() => 0);
  const names = fields.map(({ reference }) => reference.field);
  const positionsOf = createPositions(names);
  const placesOf = fields.map(({ reader }) => createPositions(reader?.inputs ?? []));
  for (const row of rows) {
    const positions = positionsOf(row.inputNames);
    fields.forEach(({ index, reader }, i) => {
      const own = counts[i];
      const places = placesOf[i]?.(row.inputNames);
      if (reader !== null && own !== undefined && places !== undefined) {
        missing[i] = (missing[i] ?? 0) + reader.countRow(row, places, own);
        return;
      }
      const isScore = names[i] === scoreField;
      if (isScore && row.modelVersion !== row.championVersion) return;
      const bin = index.indexOf(isScore ? row.score : valueOf(row.inputValues[positions[i] ?? -1]));
      if (bin < 0 || own === undefined) missing[i] = (missing[i] ?? 0) + 1;
      else own[bin] = (own[bin] ?? 0) + 1;
    });
  }
  return {
    model,
    baselineVersion,
    startMs,
    rows: rows.length,
    predictionsMicro: rows.reduce((sum, row) => sum + Math.round(inclusionWeight(row) * micro), 0),
    widthMs: paneMs,
    units: undefined,
    fields: names.map((field, i) => sparseCounts(field, [...(counts[i] ?? [])], missing[i] ?? 0)),
  };
}

const micro = 1_000_000;

/** Counts of all bins as those that are not empty. */
export function sparseCounts(field: string, dense: readonly number[], missing: number): drift.FieldCounts {
  const bins = dense.flatMap((count, bin) => (count === 0 ? [] : [bin]));
  return { field, bins, counts: bins.map((bin) => dense[bin] ?? 0), missing };
}

/** Counts of all `size` bins. */
export function denseCounts({ bins, counts }: drift.FieldCounts, size: number): readonly number[] {
  const dense = Array.from({ length: size }, () => 0);
  bins.forEach((bin, i) => (dense[bin] = counts[i] ?? 0));
  return dense;
}

function addCounts(into: drift.FieldCounts, counts: drift.FieldCounts): void {
  const size = Math.max(into.bins.at(-1) ?? 0, counts.bins.at(-1) ?? 0) + 1;
  const dense = [...denseCounts(into, size)];
  counts.bins.forEach((bin, i) => (dense[bin] = (dense[bin] ?? 0) + (counts.counts[i] ?? 0)));
  Object.assign(into, sparseCounts(into.field, dense, into.missing + counts.missing));
}

function predictionsMicroOf({ rows, predictionsMicro }: drift.Pane): number {
  return predictionsMicro === 0 ? rows * micro : predictionsMicro;
}

/** Predictions that a pane's rows stand for, as many as are likely where a share is logged. */
export function predictionsOf(pane: drift.Pane): number {
  return Math.round(predictionsMicroOf(pane) / micro);
}

/** Adds a pane's counts to another of the same baseline; fields are matched by name. O(fields × bins). */
export function addPane(into: drift.Pane, pane: drift.Pane): void {
  into.predictionsMicro = predictionsMicroOf(into) + predictionsMicroOf(pane);
  into.rows += pane.rows;
  const byName = new Map(into.fields.map((field) => [field.field, field]));
  for (const field of pane.fields) {
    const known = byName.get(field.field);
    if (known === undefined) {
      into.fields.push({ ...field, bins: [...field.bins], counts: [...field.counts] });
      continue;
    }
    addCounts(known, field);
  }
}
