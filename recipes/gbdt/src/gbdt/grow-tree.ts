import type { BinnedColumn } from './binned.ts';
import { bestSplit, type Split } from './best-split.ts';
import type { Histogram, HistogramPool, PackedDerivatives, RowRange, Totals } from './histogram.ts';
import type { GbdtParameters } from './parameters.ts';
import { testTable, type Child, type Tree, type TreeNode } from './tree.ts';

export interface GrowInput {
  readonly columns: readonly BinnedColumn[];
  readonly pool: HistogramPool;
  readonly parameters: GbdtParameters;
  /** Features that this tree may use, ascending. */
  readonly features: Int32Array;
  /** Rows that this tree sees; put into the order of its leaves. */
  readonly rows: Int32Array;
  /** Memory for half of the rows of a split; as long as `rows`. */
  readonly scratch: Int32Array;
  readonly derivatives: PackedDerivatives;
}

export interface GrownTree {
  readonly tree: Tree;
  /** Rows of each leaf, as ranges of `GrowInput.rows`. */
  readonly ranges: readonly RowRange[];
}

interface OpenLeaf extends RowRange {
  readonly totals: Totals;
  readonly lambda: number;
  readonly histogram: Histogram;
  readonly split: Split | undefined;
  /** Where this leaf hangs: a slot of the parent node; undefined for the root. */
  readonly parent: { readonly node: number; readonly side: 'left' | 'right' } | undefined;
}

/** While a tree grows its children are not known yet. */
type MutableNode = TreeNode & { left: Child; right: Child };

/**
 * Grows one tree, always parting the leaf whose split gains most, until there are `leaves` leaves or nothing gains. Undefined when
 * not even the root can be parted. O(rows × features × depth).
 *
 * Source: leaf-wise growth and histogram subtraction as described by G. Ke et al. (2017), LightGBM, NeurIPS 30.
 */
export function growTree(input: GrowInput): GrownTree | undefined {
  const { pool, parameters, features, rows } = input;
  const root = pool.take();
  const range = { start: 0, end: rows.length };
  pool.fill(root, features, rows, range, input.derivatives);
  const open: OpenLeaf[] = [openLeaf(input, root, range, sumRows(input), parameters.lambda, undefined)];
  const nodes: MutableNode[] = [];
  while (open.length < parameters.leaves) {
    const at = indexOfBest(open);
    const leaf = open[at];
    if (leaf?.split === undefined) break;
    const node = nodes.length;
    nodes.push(nodeOf(leaf.split, input.columns));
    if (leaf.parent !== undefined) setChild(nodes, leaf.parent, node);
    const [left, right] = part(input, leaf, leaf.split, node);
    open[at] = left;
    open.push(right);
  }
  for (const leaf of open) pool.give(leaf.histogram);
  if (nodes.length === 0) return undefined;
  open.forEach((leaf, index) => leaf.parent !== undefined && setChild(nodes, leaf.parent, ~index));
  const value = ({ totals, lambda }: OpenLeaf): number =>
    (-totals.gradient / (totals.hessian + lambda)) * parameters.learningRate;
  return { tree: { nodes, leaves: Float32Array.from(open, value) }, ranges: open };
}

function openLeaf(
  input: GrowInput,
  histogram: Histogram,
  { start, end }: RowRange,
  totals: Totals,
  lambda: number,
  parent: OpenLeaf['parent'],
): OpenLeaf {
  const { pool, features, columns, parameters } = input;
  const isLarge = end - start >= 2 * parameters.minLeafRows;
  const split = isLarge
    ? bestSplit({ histogram, packing: pool.packing, totals }, pool.offsets, features, columns, parameters)
    : undefined;
  return { start, end, totals, lambda, histogram, split, parent };
}

/** Parts a leaf's rows in place (both sides keep their order) and prepares both children. */
function part(input: GrowInput, leaf: OpenLeaf, split: Split, node: number): readonly [OpenLeaf, OpenLeaf] {
  const { pool, features, rows } = input;
  const middle = partitionRows(input, leaf, split);
  const leftRange = { start: leaf.start, end: middle };
  const rightRange = { start: middle, end: leaf.end };
  const isLeftSmaller = middle - leaf.start <= leaf.end - middle;
  // Only the smaller side is summed again; the other is what is left of the parent.
  const smaller = pool.take();
  pool.fill(smaller, features, rows, isLeftSmaller ? leftRange : rightRange, input.derivatives);
  pool.subtract(leaf.histogram, smaller);
  const rightTotals: Totals = {
    gradient: leaf.totals.gradient - split.left.gradient,
    hessian: leaf.totals.hessian - split.left.hessian,
    count: leaf.totals.count - split.left.count,
  };
  const { lambda } = split;
  const leftHistogram = isLeftSmaller ? smaller : leaf.histogram;
  const rightHistogram = isLeftSmaller ? leaf.histogram : smaller;
  return [
    openLeaf(input, leftHistogram, leftRange, split.left, lambda, { node, side: 'left' }),
    openLeaf(input, rightHistogram, rightRange, rightTotals, lambda, { node, side: 'right' }),
  ];
}

function partitionRows(input: GrowInput, { start, end }: RowRange, split: Split): number {
  const { rows, scratch } = input;
  const column = input.columns[split.feature] as BinnedColumn;
  const isLeft = testTable(split.test, column.binCount);
  let left = start;
  let right = 0;
  for (let i = start; i < end; i += 1) {
    const row = rows[i] as number;
    if (isLeft[column.bins[row] as number] === 1) rows[left++] = row;
    else scratch[right++] = row;
  }
  rows.set(scratch.subarray(0, right), left);
  return left;
}

function nodeOf({ feature, test, gain }: Split, columns: readonly BinnedColumn[]): MutableNode {
  const isLeft = testTable(test, (columns[feature] as BinnedColumn).binCount);
  return { feature, test, gain, isLeft, left: 0, right: 0 };
}

function setChild(
  nodes: readonly MutableNode[],
  parent: { node: number; side: 'left' | 'right' },
  child: number,
): void {
  const node = nodes[parent.node];
  if (node !== undefined) node[parent.side] = child;
}

function indexOfBest(open: readonly OpenLeaf[]): number {
  let best = 0;
  open.forEach((leaf, index) => {
    if ((leaf.split?.gain ?? 0) > (open[best]?.split?.gain ?? 0)) best = index;
  });
  return best;
}

function sumRows({ rows, derivatives, pool }: GrowInput): Totals {
  let gradients = 0;
  let hessians = 0;
  for (const row of rows) {
    gradients += derivatives.gradients[row] as number;
    hessians += derivatives.hessians[row] as number;
  }
  return pool.packing.unpack(gradients, hessians);
}
