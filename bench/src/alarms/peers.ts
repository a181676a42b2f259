import type { drift } from '@everloop/contracts';
import type { Baseline } from '@everloop/drift';
import { ksFromBins, ksPValueAsymptotic, wassersteinFromBins } from '@everloop/stats';
import { binCount, binMiddles, type Snapshot } from './world.ts';

/** Whether a window alarms under the rules of others, by name. */
export interface PeerAlarms {
  readonly anyKs: boolean;
  readonly evidently: boolean;
  readonly nannyml: boolean;
}

/** Judges windows of one snapshot by the rules of others. */
export interface Peers {
  judge(pane: drift.Pane): PeerAlarms;
}

const dense = new Float64Array(binCount);

function denseOf({ bins, counts }: drift.FieldCounts): Float64Array {
  dense.fill(0);
  for (let i = 0; i < bins.length; i += 1) dense[bins[i] ?? 0] = counts[i] ?? 0;
  return dense;
}

/** Mean and three standard deviations of the statistic over the chunks of the reference, by field (NannyML 0.13.1, StandardDeviationThreshold). */
function thresholdsOf(baseline: Baseline, panes: readonly drift.Pane[]): readonly number[] {
  return baseline.fields.map(({ reference }, f) => {
    const values = panes.map(({ fields }) => {
      const counts = fields[f];
      return counts === undefined ? 0 : ksFromBins(reference.counts, denseOf(counts));
    });
    const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
    return mean + 3 * Math.sqrt(values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length);
  });
}

/**
 * The rules of others, on the same bins, which none of them weighs for clusters or hours of the day.
 * - any KS p < .05: the test of each field for itself, rows taken as independent.
 * - Evidently 0.7.23: with more than 1,000 reference rows a numeric column drifts when its Wasserstein distance in standard deviations of
 *   the reference is at least 0.1, and the dataset when half of the columns do.
 * - NannyML 0.13.1: a column alarms when its KS statistic is above the mean of the reference's chunks by three standard deviations.
 */
export function peersOf({ baseline, panes }: Snapshot): Peers {
  const thresholds = thresholdsOf(baseline, panes);
  const spreads = baseline.fields.map(({ reference }) => spreadOf(reference.counts));
  return {
    judge(pane) {
      let [anyKs, nannyml, columns] = [false, false, 0];
      for (let f = 0; f < baseline.fields.length; f += 1) {
        const [reference, counts] = [baseline.fields[f]?.reference.counts ?? [], pane.fields[f]];
        if (counts === undefined) continue;
        const current = denseOf(counts);
        const statistic = ksFromBins(reference, current);
        anyKs ||= ksPValueAsymptotic(statistic, baseline.rows, pane.rows) < 0.05;
        nannyml ||= statistic > (thresholds[f] ?? Infinity);
        if (wassersteinFromBins(binMiddles, reference, current) / (spreads[f] ?? 1) >= 0.1) columns += 1;
      }
      return { anyKs, nannyml, evidently: columns / baseline.fields.length >= 0.5 };
    },
  };
}

function spreadOf(counts: readonly number[]): number {
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const mean = counts.reduce((sum, count, i) => sum + count * (binMiddles[i] ?? 0), 0) / rows;
  const square = counts.reduce((sum, count, i) => sum + count * ((binMiddles[i] ?? 0) - mean) ** 2, 0);
  return Math.max(0.001, Math.sqrt(square / rows));
}
