import { drawSorted, seededRandom } from '../random.ts';
import type { BinnedColumn } from './binned.ts';
import { growTree, type GrownTree } from './grow-tree.ts';
import { HistogramPool, type PackedDerivatives, type Packing } from './histogram.ts';
import type { GbdtParameters } from './parameters.ts';
import { treeValue, type Tree } from './tree.ts';

/** Rounds between two reports of the loss. */
const roundsPerLoss = 10;

/** A boosted ensemble: score = sigmoid(base + sum of its trees' values). */
export interface Ensemble {
  /** Log odds of the training rows. */
  readonly base: number;
  readonly trees: readonly Tree[];
}

export interface TrainInput {
  readonly columns: readonly BinnedColumn[];
  /** `[rows]`, 0 or 1. */
  readonly labels: Uint8Array;
  /** Rows to fit. */
  readonly fitRows: Int32Array;
  /** Rows that decide when to stop; may be empty. */
  readonly validationRows: Int32Array;
  readonly parameters: GbdtParameters;
  readonly seed: number;
  /** Called every ten rounds. */
  readonly onLoss?: (loss: RoundLoss) => void;
}

/** Mean log loss after a round, nats. */
export interface RoundLoss {
  readonly round: number;
  readonly fit: number;
  /** NaN without validation rows. */
  readonly validation: number;
}

export interface TrainResult {
  readonly ensemble: Ensemble;
  readonly losses: readonly RoundLoss[];
}

/**
 * Gradient boosting of the log loss with early stopping. The same input gives the same trees, bit by bit.
 * O(rounds × rows × features).
 *
 * Source: J. H. Friedman (2001), Greedy function approximation, Annals of Statistics 29, 1189-1232, doi:10.1214/aos/1013203451;
 * row sampling: J. H. Friedman (2002), Stochastic gradient boosting, CSDA 38, 367-378.
 */
export function trainGbdt(input: TrainInput): TrainResult {
  const { columns, labels, fitRows, validationRows, parameters } = input;
  const random = seededRandom(input.seed);
  const base = logOdds(labels, fitRows);
  const margins = new Float64Array(labels.length).fill(base);
  const derivatives = { gradients: new Float64Array(labels.length), hessians: new Float64Array(labels.length) };
  const pool = new HistogramPool(columns, fitRows.length);
  const scratch = new Int32Array(fitRows.length);
  const allFeatures = Int32Array.from(columns.keys());
  const rowsPerTree = Math.max(1, Math.round(fitRows.length * parameters.rowFraction));
  const featuresPerTree = Math.max(1, Math.round(columns.length * parameters.featureFraction));
  const trees: Tree[] = [];
  const losses: RoundLoss[] = [];
  const lossAt = (round: number, validation: number): void => {
    const loss = { round, fit: meanLoss(margins, labels, fitRows), validation };
    losses.push(loss);
    input.onLoss?.(loss);
  };
  let best = { loss: Infinity, trees: 0 };
  for (let round = 1; round <= parameters.rounds; round += 1) {
    differentiate(margins, labels, fitRows, pool.packing, derivatives);
    const features = drawSorted(allFeatures, featuresPerTree, random);
    const rows = drawSorted(fitRows, rowsPerTree, random);
    const grown = growTree({ columns, pool, parameters, features, rows, scratch, derivatives });
    if (grown === undefined) {
      // Another draw of features may still find something; with all of them there is nothing to be found.
      if (featuresPerTree === columns.length && rowsPerTree === fitRows.length) break;
      continue;
    }
    trees.push(grown.tree);
    addTree(grown, columns, rows, [fitRows, validationRows], margins);
    const validation = meanLoss(margins, labels, validationRows);
    if (validationRows.length === 0 || validation < best.loss) best = { loss: validation, trees: trees.length };
    if (round % roundsPerLoss === 0) lossAt(round, validation);
    if (trees.length - best.trees >= parameters.patience) break;
  }
  return { ensemble: { base, trees: trees.slice(0, best.trees) }, losses };
}

/** Scores of rows, `[rows.length]`, in [0, 1]. O(rows × trees × depth). */
export function predict(ensemble: Ensemble, columns: readonly BinnedColumn[], rows: Int32Array): Float64Array {
  return Float64Array.from(rows, (row) => {
    let margin = ensemble.base;
    for (const tree of ensemble.trees) margin += treeValue(tree, columns, row);
    return sigmoid(margin);
  });
}

function sigmoid(margin: number): number {
  return 1 / (1 + Math.exp(-margin));
}

/** Log odds of label 1; one row of each class is added, so that a single class gives no infinity. Kept as float32, as the model file does. */
function logOdds(labels: Uint8Array, rows: Int32Array): number {
  let positives = 0;
  for (const row of rows) positives += labels[row] as number;
  return Math.fround(Math.log((positives + 1) / (rows.length - positives + 1)));
}

function differentiate(
  margins: Float64Array,
  labels: Uint8Array,
  rows: Int32Array,
  { gradientScale, hessianScale, countUnit }: Packing,
  into: PackedDerivatives,
): void {
  for (const row of rows) {
    const score = sigmoid(margins[row] as number);
    into.gradients[row] = Math.round((score - (labels[row] as number)) * gradientScale);
    into.hessians[row] = Math.round(score * (1 - score) * hessianScale) + countUnit;
  }
}

/** Adds a tree's values to all rows: those that grew it lie in its leaves, the others walk down. */
function addTree(
  { tree, ranges }: GrownTree,
  columns: readonly BinnedColumn[],
  grownRows: Int32Array,
  rowSets: readonly Int32Array[],
  margins: Float64Array,
): void {
  const isDone = new Uint8Array(margins.length);
  ranges.forEach(({ start, end }, leaf) => {
    const value = tree.leaves[leaf] as number;
    for (let i = start; i < end; i += 1) {
      const row = grownRows[i] as number;
      margins[row] = (margins[row] as number) + value;
      isDone[row] = 1;
    }
  });
  for (const rows of rowSets) {
    for (const row of rows) {
      if (isDone[row] === 0) margins[row] = (margins[row] as number) + treeValue(tree, columns, row);
    }
  }
}

/** ln(1 + e^-z) for a margin z towards the truth, without overflow. */
function meanLoss(margins: Float64Array, labels: Uint8Array, rows: Int32Array): number {
  let sum = 0;
  for (const row of rows) {
    const towards = (labels[row] as number) === 1 ? (margins[row] as number) : -(margins[row] as number);
    sum += towards > 0 ? Math.log1p(Math.exp(-towards)) : Math.log1p(Math.exp(towards)) - towards;
  }
  return rows.length === 0 ? NaN : sum / rows.length;
}
