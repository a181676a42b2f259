import { inclusionWeight, type drift } from '@everloop/contracts';
import type { Row } from '../rows/row.ts';
import type { Baseline } from './baseline.ts';
import { RowCounter } from './row-counter.ts';
import { UnitCounter } from './units.ts';

/** Width of a pane: one hour of event time. Windows are made of whole panes. Milliseconds. */
export const paneMs = 3_600_000;

/** What a pane is of. */
export interface PaneKey {
  readonly model: string;
  /** Champion when the requests were routed; empty when there was none. */
  readonly baselineVersion: string;
  readonly startMs: number;
}

/** Counters that count no pane now: their tables cost more than a small pane. */
const spares = new WeakMap<Baseline, RowCounter[]>();

function spareOf(baseline: Baseline): RowCounter {
  return spares.get(baseline)?.pop() ?? new RowCounter(baseline);
}

function giveBack(baseline: Baseline, counter: RowCounter): void {
  const own = spares.get(baseline);
  if (own === undefined) spares.set(baseline, [counter]);
  else own.push(counter);
}

const micro = 1_000_000;

/**
 * Counts rows of one pane on the bins of the champion's baseline: each input by name, and `score`. An input that a row does not have counts as
 * missing. The score counts only where the champion itself computed it: a canary's scores are not the champion's. Without a baseline only
 * the rows are counted.
 *
 * Where a model logs a share of its predictions, each row counts once on its bin all the same: the share is the same for all rows and has nothing to
 * do with what they hold, so they are a simple random sample. Its proportions are those of all, and its size, which is also the effective sample
 * size (Σw)²/Σw² (Kish 1965, Survey Sampling, 8.2) of equal weights, is the n of the tests; rows counted 1/p times would pass chance for drift.
 */
export class PaneCounter {
  readonly key: PaneKey;
  readonly #baseline: Baseline | null;
  readonly #counter: RowCounter | null;
  readonly #units: UnitCounter;
  #rows = 0;
  #predictionsMicro = 0;

  /** `unit`: the field that rows belong to, see `unitOf`. */
  constructor(key: PaneKey, baseline: Baseline | null, unit?: string) {
    this.key = key;
    this.#baseline = baseline;
    this.#counter = baseline === null ? null : spareOf(baseline);
    this.#units = new UnitCounter(unit);
  }

  /** Counts a row, which must be of this pane. O(columns). */
  add(row: Row): void {
    this.#rows += 1;
    this.#predictionsMicro += Math.round(inclusionWeight(row) * micro);
    this.#units.add(row);
    this.#counter?.add(row);
  }

  /** The pane; the counter is used up. O(bins + units). */
  finish(): drift.Pane {
    const { model, baselineVersion, startMs } = this.key;
    const fields = this.#counter?.take() ?? [];
    if (this.#baseline !== null && this.#counter !== null) giveBack(this.#baseline, this.#counter);
    const [rows, predictionsMicro, units] = [this.#rows, this.#predictionsMicro, this.#units.counts()];
    return { model, baselineVersion, startMs, rows, predictionsMicro, widthMs: paneMs, units, fields };
  }
}

/** Rows of one pane. */
export interface PaneRows extends PaneKey {
  readonly rows: readonly Row[];
}

/** Counts the rows of one pane, see `PaneCounter`. O(rows × fields). */
export function countPane(pane: PaneRows, baseline: Baseline | null, unit?: string): drift.Pane {
  const { model, baselineVersion, startMs } = pane;
  const counter = new PaneCounter({ model, baselineVersion, startMs }, baseline, unit);
  for (const row of pane.rows) counter.add(row);
  return counter.finish();
}
