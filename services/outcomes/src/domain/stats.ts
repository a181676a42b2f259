import type { outcomes } from '@everloop/contracts';
import { logLossNano, logLossOf, scoreBin } from '@everloop/stats';
import type { Settled } from './types.ts';

const dayMs = 86_400_000;
/** Equal bins of [0, 1] for the scores; fixed by outcomes.v1.OutcomeStats. */
export const scoreBins = 200;

const zeros = (): number[] => Array.from({ length: scoreBins }, () => 0);

function emptyStats(settled: Settled): outcomes.OutcomeStats {
  const { model, modelVersion, arm, predictedAtMs } = settled.prediction;
  return {
    model,
    modelVersion,
    arm,
    dayMs: Math.floor(predictedAtMs / dayMs) * dayMs,
    labelled: 0,
    expired: 0,
    positives: 0,
    logLossNano: 0,
    logLossSquaredMicro: 0,
    negativeBins: [],
    positiveBins: [],
    settledAtMs: 0,
  };
}

function add(stats: outcomes.OutcomeStats, settled: Settled): void {
  if (settled.kind === 'expired') {
    stats.expired += 1;
    return;
  }
  const { score } = settled.prediction;
  const bins = settled.label === 1 ? 'positiveBins' : 'negativeBins';
  if (stats[bins].length === 0) stats[bins] = zeros();
  const bin = scoreBin(score, scoreBins);
  stats[bins][bin] = (stats[bins][bin] ?? 0) + 1;
  stats.labelled += 1;
  stats.positives += settled.label;
  stats.logLossNano += logLossNano(score, settled.label);
  stats.logLossSquaredMicro += Math.round(logLossOf(score, settled.label) ** 2 * 1e6);
  stats.settledAtMs = Math.max(stats.settledAtMs, settled.labelledAtMs);
}

/**
 * Mergeable sums of the outcomes of one batch, one for each model version, arm and event day of the prediction, sorted by them. All sums
 * are integers, so the sums of any split of the outcomes add up to the same. O(outcomes).
 */
export function summarise(settled: readonly Settled[]): readonly outcomes.OutcomeStats[] {
  const groups = new Map<string, outcomes.OutcomeStats>();
  for (const one of settled) {
    const { modelVersion, arm, predictedAtMs } = one.prediction;
    const key = `${modelVersion}\n${arm}\n${Math.floor(predictedAtMs / dayMs)}`;
    const stats = groups.get(key) ?? emptyStats(one);
    groups.set(key, stats);
    add(stats, one);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, stats]) => stats);
}
