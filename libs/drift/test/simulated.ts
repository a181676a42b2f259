import { drift, type MonitorSpec } from '@everloop/contracts';
import { randomIndex } from '@everloop/stats';
import { prepareBaseline, type Baseline } from '../src/panes/baseline.ts';
import { addPane, emptyPane } from '../src/panes/counts.ts';
import type { NamedMonitor } from '../src/windows/state.ts';
import { hour, monitor } from './fixtures.ts';

const bins = 20;
const names = Array.from({ length: 10 }, (_, i) => `f${i}`);

export interface SimulatedOptions {
  readonly hours: number;
  readonly rows: number;
  readonly seed: number;
  /** Share of an hour's rows that go to the lower half of the bins, by hour. */
  readonly low?: (hourOfAll: number) => number;
}

/** Hourly panes of ten fields of twenty bins; by chance alone, unless `low` says otherwise. */
export function simulatedPanes({ hours, rows, seed, low }: SimulatedOptions): drift.Pane[] {
  const random = randomIndex(seed);
  return Array.from({ length: hours }, (_, h) => {
    const share = low?.(h) ?? 0.5;
    const fields = names.map((field) => {
      const counts = new Array<number>(bins).fill(0);
      for (let r = 0; r < rows; r += 1) {
        const bin = random(bins / 2) + (random(1_000) < share * 1_000 ? 0 : bins / 2);
        counts[bin] = (counts[bin] ?? 0) + 1;
      }
      return { field, bins: counts.map((_count, bin) => bin), counts, missing: 0 };
    });
    return drift.Pane.fromPartial({ model: 'm', baselineVersion: '1', startMs: h * hour, widthMs: hour, rows, fields });
  });
}

/** The baseline of all rows of the panes, as it is stored. */
export function baselineMessageOf(panes: readonly drift.Pane[]): drift.Baseline {
  const all = emptyPane('m', '1', 0, hour);
  for (const pane of panes) addPane(all, pane);
  const edges = Array.from({ length: bins - 1 }, (_, i) => i);
  const fields = all.fields.map(({ field, counts }) =>
    drift.FieldReference.fromPartial({ field, kind: 'numeric', edges, counts }),
  );
  return drift.Baseline.fromPartial({ model: 'm', modelVersion: '1', fields, rows: all.rows });
}

/** The same, ready for judging. */
export function baselineOf(panes: readonly drift.Pane[]): Baseline {
  return prepareBaseline(baselineMessageOf(panes));
}

/** Hourly windows with a budget of one false retraining in 30 days. */
export function budgeted(spec: Partial<MonitorSpec> = {}): NamedMonitor {
  return monitor({
    ...{ windowMs: hour, minRows: 100, coolDownMs: 24 * hour, raise: { windows: 1, of: 1 } },
    budget: { falseRetrainings: 1, perMs: 30 * 24 * hour },
    ...spec,
  });
}
