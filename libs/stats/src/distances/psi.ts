import { chiSquareQuantile } from '../numerics/gamma.ts';

export interface PsiOptions {
  /** Instead of smoothing: shares below it become it, without renormalising. For comparison with other tools (often 1e-4). */
  readonly floor?: number;
}

function total(counts: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < counts.length; i += 1) sum += counts[i] ?? 0;
  return sum;
}

/**
 * Population stability index of two rows of counts on the same bins: Σ (p - q) ln(p / q), in nats, 0 for equal shares. Half a count is added
 * to each bin on both sides, so that empty bins are finite. NaN when a side is empty. O(bins).
 *
 * Source: H. Jeffreys (1946), Proc. R. Soc. A 186, 453-461 (divergence and the 1/2 prior); B. Yurdakul and J. Naranjo (2020),
 * Statistical properties of the population stability index, Journal of Risk Model Validation 14(4).
 *
 * @example
 * psi([50, 50], [80, 20]).toFixed(6) // → "0.406287"
 */
export function psi(reference: ArrayLike<number>, current: ArrayLike<number>, options: PsiOptions = {}): number {
  const n = total(reference);
  const m = total(current);
  if (n === 0 || m === 0) return Number.NaN;
  const { floor } = options;
  const share = (count: number, rows: number): number =>
    floor === undefined ? (count + 0.5) / (rows + reference.length / 2) : Math.max(count / rows, floor);
  let sum = 0;
  for (let i = 0; i < reference.length; i += 1) {
    const p = share(current[i] ?? 0, m);
    const q = share(reference[i] ?? 0, n);
    sum += (p - q) * Math.log(p / q);
  }
  return sum;
}

/**
 * Value that the index of `bins` bins exceeds with probability `alpha` when nothing has drifted, for a reference of `n` and a window of `m`
 * rows: (1/n + 1/m) χ²(1 - alpha, bins - 1).
 *
 * Source: B. Yurdakul and J. Naranjo (2020), Journal of Risk Model Validation 14(4).
 *
 * @example
 * psiCritical(10, 10000, 1000, 0.001).toFixed(6) // → "0.030665"
 */
export function psiCritical(bins: number, n: number, m: number, alpha: number): number {
  if (n === 0 || m === 0) return Infinity;
  if (bins < 2) return 0;
  return (1 / n + 1 / m) * knownQuantile(alpha, bins - 1);
}

/** Quantiles that are kept: a few levels by the few numbers of bins that fields have; more begin anew. */
const quantilesMax = 1_000;
const quantiles = new Map<number, Map<number, number>>();
let quantilesKept = 0;

/** χ²(1 - alpha, dof), looked up: the bisection costs 20 times the index itself, and each field of each window asks for the same ones. */
function knownQuantile(alpha: number, dof: number): number {
  const known = quantiles.get(alpha)?.get(dof);
  if (known !== undefined) return known;
  if (quantilesKept >= quantilesMax) {
    quantiles.clear();
    quantilesKept = 0;
  }
  const quantile = chiSquareQuantile(1 - alpha, dof);
  const ofLevel = quantiles.get(alpha) ?? new Map<number, number>();
  quantiles.set(alpha, ofLevel.set(dof, quantile));
  quantilesKept += 1;
  return quantile;
}
