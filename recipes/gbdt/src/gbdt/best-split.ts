import type { BinnedColumn } from './binned.ts';
import type { Histogram, Packing, Totals } from './histogram.ts';
import type { GbdtParameters } from './parameters.ts';
import type { Test } from './tree.ts';

/** The best way found to part the rows of a leaf. */
export interface Split {
  readonly gain: number;
  readonly feature: number;
  readonly left: Totals;
  /** L2 penalty of the leaves that the split makes. */
  readonly lambda: number;
  readonly test: Test;
}

/** The bins of one feature in a leaf's histogram. */
interface Candidate {
  readonly histogram: Histogram;
  readonly packing: Packing;
  readonly offset: number;
  readonly binCount: number;
  readonly feature: number;
  readonly totals: Totals;
  /** Only a gain above this counts. */
  readonly least: number;
}

/** Fewest rows of the categories added to a set between two tries: single rare categories would fit noise. */
const categoryGroupRows = 100;

/**
 * Half the loss that a leaf with its best value takes away, up to the factor 1/2 that all candidates share.
 *
 * Source: T. Chen and C. Guestrin (2016), XGBoost, KDD '16, section 2.2, doi:10.1145/2939672.2939785.
 */
function leafGain(gradient: number, hessian: number, lambda: number): number {
  return (gradient * gradient) / (hessian + lambda + 1e-12);
}

/**
 * The split with the largest gain, or undefined when none is allowed. Equal gains: the first feature, the lowest bin.
 * O(features × bins), for categories O(c log c).
 */
export function bestSplit(
  leaf: Pick<Candidate, 'histogram' | 'packing' | 'totals'>,
  offsets: Int32Array,
  features: Int32Array,
  columns: readonly BinnedColumn[],
  parameters: GbdtParameters,
): Split | undefined {
  let best: Split | undefined;
  for (const feature of features) {
    const { kind, binCount } = columns[feature] as BinnedColumn;
    const offset = offsets[feature] as number;
    const candidate = { ...leaf, offset, binCount, feature, least: best?.gain ?? parameters.minGain };
    best = (kind === 'numeric' ? bestNumeric(candidate, parameters) : bestCategory(candidate, parameters)) ?? best;
  }
  return best;
}

function bestNumeric(candidate: Candidate, parameters: GbdtParameters): Split | undefined {
  const { histogram, packing, offset, binCount, feature, totals } = candidate;
  const { lambda, minLeafRows, minLeafHessian } = parameters;
  const { gradientScale, hessianScale, countUnit } = packing;
  const parent = leafGain(totals.gradient, totals.hessian, lambda);
  const missing = packing.unpack(histogram[offset * 2] as number, histogram[offset * 2 + 1] as number);
  let bestGain = candidate.least;
  let best: Split | undefined;
  // Missing rows are tried on both sides; without any, they would go right.
  for (let side = 0; side < (missing.count > 0 ? 2 : 1); side += 1) {
    let gradient = side === 1 ? missing.gradient : 0;
    let hessian = side === 1 ? missing.hessian : 0;
    let count = side === 1 ? missing.count : 0;
    for (let bin = 1; bin < binCount - 1; bin += 1) {
      const at = (offset + bin) * 2;
      const packed = histogram[at + 1] as number;
      const rows = Math.floor(packed / countUnit);
      gradient += (histogram[at] as number) / gradientScale;
      hessian += (packed - rows * countUnit) / hessianScale;
      count += rows;
      if (count < minLeafRows || hessian < minLeafHessian) continue;
      const rightHessian = totals.hessian - hessian;
      if (totals.count - count < minLeafRows || rightHessian < minLeafHessian) break;
      const gain =
        leafGain(gradient, hessian, lambda) + leafGain(totals.gradient - gradient, rightHessian, lambda) - parent;
      if (gain <= bestGain) continue;
      bestGain = gain;
      const test = { kind: 'numeric', lastLeftBin: bin, isMissingLeft: side === 1 } as const;
      best = { gain, feature, left: { gradient, hessian, count }, lambda, test };
    }
  }
  return best;
}

/**
 * Categories in the order of their mean gradient; a prefix or a suffix of that order is the best set for a convex loss.
 *
 * Source: W. D. Fisher (1958), On grouping for maximum homogeneity, JASA 53, 789-798; smoothing and limits as described for
 * LightGBM by G. Ke et al. (2017), NeurIPS 30.
 */
function bestCategory(candidate: Candidate, parameters: GbdtParameters): Split | undefined {
  const { feature, totals } = candidate;
  const { categorySetSize, minLeafRows, minLeafHessian } = parameters;
  const lambda = parameters.lambda + parameters.categoryLambda;
  const parent = leafGain(totals.gradient, totals.hessian, parameters.lambda);
  const order = orderedCategories(candidate, parameters.categorySmoothing);
  const longest = Math.min(categorySetSize, (order.length + 1) >> 1);
  let bestGain = candidate.least;
  let best: { left: Totals; length: number; isReversed: boolean } | undefined;
  for (const isReversed of [false, true]) {
    let gradient = 0;
    let hessian = 0;
    let count = 0;
    let grouped = 0;
    for (let length = 1; length <= longest; length += 1) {
      const added = order[isReversed ? order.length - length : length - 1] as Category;
      gradient += added.gradient;
      hessian += added.hessian;
      count += added.count;
      grouped += added.count;
      if (count < minLeafRows || hessian < minLeafHessian || grouped < Math.min(categoryGroupRows, minLeafRows))
        continue;
      grouped = 0;
      const rightHessian = totals.hessian - hessian;
      if (totals.count - count < minLeafRows || rightHessian < minLeafHessian) break;
      const gain =
        leafGain(gradient, hessian, lambda) + leafGain(totals.gradient - gradient, rightHessian, lambda) - parent;
      if (gain <= bestGain) continue;
      bestGain = gain;
      best = { left: { gradient, hessian, count }, length, isReversed };
    }
  }
  if (best === undefined) return undefined;
  const chosen = best.isReversed ? order.slice(-best.length) : order.slice(0, best.length);
  const leftBins = chosen.map(({ bin }) => bin).sort((a, b) => a - b);
  return { gain: bestGain, feature, left: best.left, lambda, test: { kind: 'category', leftBins } };
}

interface Category extends Totals {
  readonly bin: number;
}

/** Categories with enough rows, by smoothed mean gradient; equal ones by bin. */
function orderedCategories({ histogram, packing, offset, binCount }: Candidate, smoothing: number): Category[] {
  const categories: Category[] = [];
  for (let bin = 0; bin < binCount; bin += 1) {
    const at = (offset + bin) * 2;
    const packed = histogram[at + 1] as number;
    if (packed < packing.countUnit) continue;
    const totals = packing.unpack(histogram[at] as number, packed);
    if (totals.count >= smoothing) categories.push({ bin, ...totals });
  }
  const mean = ({ gradient, hessian }: Category): number => gradient / (hessian + smoothing);
  return categories.sort((a, b) => mean(a) - mean(b) || a.bin - b.bin);
}
