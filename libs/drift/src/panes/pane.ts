import { inclusionWeight, type drift, type serving } from '@everloop/contracts';
import type { Baseline } from './baseline.ts';
import { RowCounter } from './row-counter.ts';
import { countUnits } from './units.ts';

/** Width of a pane: one hour of event time. Windows are made of whole panes. Milliseconds. */
export const paneMs = 3_600_000;

/** Rows of one batch that belong to one pane. */
export interface PaneRows {
  readonly model: string;
  /** Champion when the request was routed; empty when there was none. */
  readonly baselineVersion: string;
  readonly startMs: number;
  readonly rows: readonly serving.Inference[];
}

/** Rows by model, champion version and event hour, sorted by them. */
export function groupRows(rows: readonly serving.Inference[]): readonly PaneRows[] {
  const groups = new Map<string, PaneRows & { readonly rows: serving.Inference[] }>();
  let last: (PaneRows & { readonly rows: serving.Inference[] }) | undefined;
  for (const row of rows) {
    const { model, championVersion: baselineVersion } = row;
    const startMs = Math.floor(row.eventTimeMs / paneMs) * paneMs;
    // Nearly always the group of the row before.
    const isLast = last?.startMs === startMs && last.baselineVersion === baselineVersion && last.model === model;
    if (!isLast) {
      const key = `${model}\n${baselineVersion}\n${startMs}`;
      last = groups.get(key) ?? { model, baselineVersion, startMs, rows: [] };
      groups.set(key, last);
    }
    last?.rows.push(row);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
}

const counters = new WeakMap<Baseline, RowCounter>();

function counterOf(baseline: Baseline): RowCounter {
  const known = counters.get(baseline);
  if (known !== undefined) return known;
  const counter = new RowCounter(baseline);
  counters.set(baseline, counter);
  return counter;
}

const micro = 1_000_000;

/**
 * Counts rows on the bins of the champion's baseline: each input by name, and `score`. An input that a row does not have counts as missing.
 * The score counts only where the champion itself computed it: a canary's scores are not the champion's. Without a baseline only the
 * rows are counted. `unit` is the field that rows belong to, see `unitOf`. O(rows × fields).
 *
 * Where a model logs a share of its predictions, each row counts once on its bin all the same: the share is the same for all rows and has nothing to
 * do with what they hold, so they are a simple random sample. Its proportions are those of all, and its size, which is also the effective sample
 * size (Σw)²/Σw² (Kish 1965, Survey Sampling, 8.2) of equal weights, is the n of the tests; rows counted 1/p times would pass chance for drift.
 */
export function countPane(pane: PaneRows, baseline: Baseline | null, unit?: string): drift.Pane {
  const { model, baselineVersion, startMs, rows } = pane;
  let predictionsMicro = 0;
  for (const row of rows) predictionsMicro += Math.round(inclusionWeight(row) * micro);
  return {
    model,
    baselineVersion,
    startMs,
    rows: rows.length,
    predictionsMicro,
    widthMs: paneMs,
    units: countUnits(rows, unit),
    fields: baseline === null ? [] : counterOf(baseline).count(rows),
  };
}
