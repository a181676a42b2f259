import { orderFreeSum } from '../numerics/sum.ts';

/**
 * Area under the ROC curve: probability that a random positive scores above a random negative, ties counting one half. `labels` are 0 or
 * 1 (above 0.5 is positive), as many as `scores`. NaN when a class is missing or a score is NaN. O(n log n).
 *
 * Source: H. B. Mann and D. R. Whitney (1947), Annals of Mathematical Statistics 18, 50-60; J. A. Hanley and B. J. McNeil (1982),
 * Radiology 143, 29-36.
 *
 * @example
 * auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]) // → 0.75
 */
export function auc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const order = Uint32Array.from({ length: scores.length }, (_, i) => i);
  for (let i = 0; i < scores.length; i += 1) if (Number.isNaN(scores[i])) return Number.NaN;
  order.sort((a, b) => (scores[a] ?? 0) - (scores[b] ?? 0));
  let wins = 0;
  let positives = 0;
  let negatives = 0;
  for (let i = 0; i < order.length;) {
    const score = scores[order[i] ?? 0];
    let tiedPositives = 0;
    let tiedNegatives = 0;
    for (; i < order.length && scores[order[i] ?? 0] === score; i += 1) {
      if ((labels[order[i] ?? 0] ?? 0) > 0.5) tiedPositives += 1;
      else tiedNegatives += 1;
    }
    wins += tiedPositives * (negatives + tiedNegatives / 2);
    positives += tiedPositives;
    negatives += tiedNegatives;
  }
  return positives === 0 || negatives === 0 ? Number.NaN : wins / (positives * negatives);
}

/**
 * Area under the ROC curve from histograms of the scores of negatives and positives over the same ascending bins; scores in one bin are
 * ties. NaN when a class is missing. O(bins).
 *
 * Source: as `auc`.
 *
 * @example
 * aucFromBins([2, 1, 0], [0, 1, 2]) // → 0.9444444444444444
 */
export function aucFromBins(negatives: ArrayLike<number>, positives: ArrayLike<number>): number {
  let wins = 0;
  let below = 0;
  let positiveCount = 0;
  for (let i = 0; i < positives.length; i += 1) {
    const negative = negatives[i] ?? 0;
    const positive = positives[i] ?? 0;
    wins += positive * (below + negative / 2);
    below += negative;
    positiveCount += positive;
  }
  return below === 0 || positiveCount === 0 ? Number.NaN : wins / (below * positiveCount);
}

/**
 * How far the area of the scores themselves can be from `aucFromBins`: half of the pairs of a negative and a positive in one bin, as a
 * share of all pairs. NaN when a class is missing. O(bins).
 *
 * Source: the definition; within a bin each pair is worth between 0 and 1 instead of 1/2.
 *
 * @example
 * aucErrorBound([2, 1, 0], [0, 1, 2]) // → 0.05555555555555555
 */
export function aucErrorBound(negatives: ArrayLike<number>, positives: ArrayLike<number>): number {
  let pairs = 0;
  let negativeCount = 0;
  let positiveCount = 0;
  for (let i = 0; i < positives.length; i += 1) {
    pairs += (negatives[i] ?? 0) * (positives[i] ?? 0);
    negativeCount += negatives[i] ?? 0;
    positiveCount += positives[i] ?? 0;
  }
  return negativeCount === 0 || positiveCount === 0 ? Number.NaN : pairs / (2 * negativeCount * positiveCount);
}

/** Scores are kept this far from 0 and 1, so that one wrong certainty costs at most 34.5 nats. */
const scoreMin = 1e-15;

/**
 * Log loss of one prediction, nats: -ln of the probability given to what happened. `score` is the probability of label 1.
 *
 * Source: I. J. Good (1952), Rational decisions, J. R. Stat. Soc. B 14, 107-114.
 *
 * @example
 * logLossOf(0.5, 1).toFixed(6) // → "0.693147"
 */
export function logLossOf(score: number, label: number): number {
  const clipped = Math.min(1 - scoreMin, Math.max(scoreMin, score));
  return -Math.log(label > 0.5 ? clipped : 1 - clipped);
}

/**
 * Log loss of one prediction as an integer, in units of 1e-9 nats, so that sums do not depend on their order.
 *
 * Source: as `logLossOf`.
 *
 * @example
 * logLossNano(0.5, 1) // → 693147181
 */
export function logLossNano(score: number, label: number): number {
  return Math.round(logLossOf(score, label) * 1e9);
}

/**
 * Mean log loss, nats. Does not depend on the order of the rows. NaN without rows. O(n log n).
 *
 * Source: as `logLossOf`.
 *
 * @example
 * logLoss([0.9, 0.2], [1, 0]).toFixed(6) // → "0.164252"
 */
export function logLoss(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  const losses = Float64Array.from({ length: scores.length }, (_, i) => logLossOf(scores[i] ?? 0.5, labels[i] ?? 0));
  return orderFreeSum(losses) / losses.length;
}
