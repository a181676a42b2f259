import type { drift } from '@everloop/contracts';
import type { Row } from '../rows/row.ts';
import type { Baseline } from './baseline.ts';
import { PaneCounter, paneMs } from './pane.ts';

/** Panes that are counted at once, about 400 kB each: a log that is read in order needs one or two. */
const openMax = 16;

function startOf({ eventTimeMs }: Row): number {
  return Math.floor(eventTimeMs / paneMs) * paneMs;
}

const keyOf = (model: string, version: string, startMs: number): string => `${model}\n${version}\n${startMs}`;

/** Divides rows, in any order, into panes: by model, champion version and event hour. */
export class PaneGatherer {
  readonly #open = new Map<string, PaneCounter>();
  #last: PaneCounter | undefined;

  /** End of the pane that a row belongs to, epoch milliseconds. */
  static endMs(row: Row): number {
    return startOf(row) + paneMs;
  }

  /** The counter of the row's pane; undefined: it has to be opened first. */
  find(row: Row): PaneCounter | undefined {
    const { model, championVersion } = row;
    const startMs = startOf(row);
    const last = this.#last?.key;
    // Nearly always that of the row before.
    if (last?.startMs === startMs && last.baselineVersion === championVersion && last.model === model)
      return this.#last;
    this.#last = this.#open.get(keyOf(model, championVersion, startMs));
    return this.#last;
  }

  /** No other pane can be opened before `take`. */
  get isFull(): boolean {
    return this.#open.size >= openMax;
  }

  /** Begins the pane of a row, against its champion's baseline. */
  open(row: Row, baseline: Baseline | null, unit: string | undefined): PaneCounter {
    const { model, championVersion: baselineVersion } = row;
    const startMs = startOf(row);
    this.#last = new PaneCounter({ model, baselineVersion, startMs }, baseline, unit);
    this.#open.set(keyOf(model, baselineVersion, startMs), this.#last);
    return this.#last;
  }

  /** The panes of all rows since the last call, sorted by model, version and hour. */
  take(): readonly drift.Pane[] {
    const panes = [...this.#open].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, counter]) => counter.finish());
    this.#open.clear();
    this.#last = undefined;
    return panes;
  }
}

/** Panes of rows that are all at hand. `baselineOf` gives a version's baseline. O(rows × fields). */
export function countPanes(
  rows: Iterable<Row>,
  baselineOf: (version: string) => Baseline | null,
  unit?: string,
): readonly drift.Pane[] {
  const gatherer = new PaneGatherer();
  const panes: drift.Pane[] = [];
  for (const row of rows) {
    let counter = gatherer.find(row);
    if (counter === undefined) {
      if (gatherer.isFull) panes.push(...gatherer.take());
      counter = gatherer.open(row, row.championVersion === '' ? null : baselineOf(row.championVersion), unit);
    }
    counter.add(row);
  }
  return [...panes, ...gatherer.take()];
}
