import { orderFreeSum } from '../numerics/sum.ts';

/**
 * Importance weights of logged decisions: the probability that the candidate policy gives to what was done, over the probability with which
 * it was done (in (0, 1]), at most `clip`. Clipping trades variance for bias: with rewards of 0 and more, estimates then err
 * downwards. O(n).
 *
 * Source: D. G. Horvitz and D. J. Thompson (1952), JASA 47, 663-685; clipping: E. L. Ionides (2008), JCGS 17, 295-311.
 *
 * [...importanceWeights([1, 0, 1], [0.5, 0.5, 0.01], 20)] // → [2,0,20]
 */
export function importanceWeights(
  target: ArrayLike<number>,
  propensity: ArrayLike<number>,
  clip = Infinity,
): Float64Array {
  return Float64Array.from(propensity, (logged, row) => Math.min(clip, (target[row] ?? 0) / logged));
}

/**
 * Of how many decisions by the candidate itself these weights are worth: (Σw)² / Σw²; 0 where nothing has weight. O(n log n).
 *
 * Source: L. Kish (1965), Survey Sampling, section 11.7.
 *
 * effectiveSampleSize([2, 2, 0, 0]) // → 2
 */
export function effectiveSampleSize(weights: ArrayLike<number>): number {
  const sum = orderFreeSum(weights);
  return sum === 0 ? 0 : (sum * sum) / orderFreeSum(products(weights, weights));
}

/**
 * IPS, the value of the candidate policy by inverse propensity: mean(w r). Unbiased without clipping. NaN without rows. O(n log n).
 *
 * Source: D. Precup, R. S. Sutton and S. Singh (2000), Eligibility Traces for Off-Policy Policy Evaluation, ICML, 759-766.
 *
 * inversePropensity([2, 0, 2, 0], [1, 1, 0.5, 0]) // → 0.75
 */
export function inversePropensity(weights: ArrayLike<number>, rewards: ArrayLike<number>): number {
  return orderFreeSum(products(weights, rewards)) / weights.length;
}

/**
 * SNIPS, the self-normalised estimate: Σ w r / Σ w. Stays within the range of the rewards. NaN where nothing has weight. O(n log n).
 *
 * Source: A. Swaminathan and T. Joachims (2015), The Self-Normalized Estimator for Counterfactual Learning, NeurIPS 28, 3231-3239.
 *
 * selfNormalized([2, 0, 4, 0], [1, 1, 0.5, 0]).toFixed(6) // → "0.666667"
 */
export function selfNormalized(weights: ArrayLike<number>, rewards: ArrayLike<number>): number {
  return orderFreeSum(products(weights, rewards)) / orderFreeSum(weights);
}

/** What a model of the reward says of logged decisions, beside their weights and rewards. */
export interface ModelledDecisions {
  readonly weights: ArrayLike<number>;
  readonly rewards: ArrayLike<number>;
  /** Modelled reward of what was done: q̂(x, a). */
  readonly fittedLogged: ArrayLike<number>;
  /** Modelled reward of what the candidate would do: Σ_a π(a|x) q̂(x, a). */
  readonly fittedTarget: ArrayLike<number>;
}

/**
 * DM, the direct method: the mean of what a model of the reward says of the candidate. As biased as the model is. O(n log n).
 *
 * Source: A. Beygelzimer and J. Langford (2009), The Offset Tree for Learning with Partial Labels, KDD, 129-138.
 *
 * directMethod([0.25, 0.75]) // → 0.5
 */
export function directMethod(fittedTarget: ArrayLike<number>): number {
  return orderFreeSum(fittedTarget) / fittedTarget.length;
}

/**
 * The terms whose mean is the doubly robust estimate: q̂(x, π) + w (r - q̂(x, a)). O(n).
 *
 * [...doublyRobustTerms({ weights: [2], rewards: [1], fittedLogged: [0.5], fittedTarget: [0.25] })] // → [1.25]
 */
export function doublyRobustTerms(decisions: ModelledDecisions): Float64Array {
  const { weights, rewards, fittedLogged, fittedTarget } = decisions;
  return Float64Array.from(
    fittedTarget,
    (fitted, row) => fitted + (weights[row] ?? 0) * ((rewards[row] ?? 0) - (fittedLogged[row] ?? 0)),
  );
}

/**
 * DR, the doubly robust estimate: right on average if either the propensities or the model of the reward are. O(n log n).
 *
 * Source: M. Dudík, J. Langford and L. Li (2011), Doubly Robust Policy Evaluation and Learning, ICML, 1097-1104.
 *
 * doublyRobust({ weights: [2, 0], rewards: [1, 0], fittedLogged: [0.5, 0.5], fittedTarget: [0.5, 0.5] }) // → 1
 */
export function doublyRobust(decisions: ModelledDecisions): number {
  return orderFreeSum(doublyRobustTerms(decisions)) / decisions.fittedTarget.length;
}

function products(a: ArrayLike<number>, b: ArrayLike<number>): Float64Array {
  return Float64Array.from(a, (value, row) => value * (b[row] ?? 0));
}
