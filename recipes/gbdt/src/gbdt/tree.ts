import type { BinnedColumn } from './binned.ts';

/** A child: a node's index, or the bitwise complement of a leaf's index. */
export type Child = number;

/** What a node asks of its feature's bin. Rows for which it is true go left. */
export type Test =
  /** 1 <= bin <= `lastLeftBin`, or missing if `isMissingLeft`. */
  | { readonly kind: 'numeric'; readonly lastLeftBin: number; readonly isMissingLeft: boolean }
  /** The bin is one of these, ascending. */
  | { readonly kind: 'category'; readonly leftBins: readonly number[] };

export interface TreeNode {
  readonly feature: number;
  readonly test: Test;
  /** The test's answer by bin: 1 is left. */
  readonly isLeft: Uint8Array;
  readonly left: Child;
  readonly right: Child;
  /** What the split took from the loss of the rows that grew the tree, nats, times 2. */
  readonly gain: number;
}

/** A tree's nodes, root first, and the values of its leaves. A tree has at least one node. */
export interface Tree {
  readonly nodes: readonly TreeNode[];
  readonly leaves: Float32Array;
}

/** A test's answer for each bin. */
export function testTable(test: Test, binCount: number): Uint8Array {
  const table = new Uint8Array(binCount);
  if (test.kind === 'category') for (const bin of test.leftBins) table[bin] = 1;
  else {
    table.fill(1, 1, test.lastLeftBin + 1);
    table[0] = test.isMissingLeft ? 1 : 0;
  }
  return table;
}

/** Value of the leaf that a row falls into. O(depth). */
export function treeValue(tree: Tree, columns: readonly BinnedColumn[], row: number): number {
  const { nodes, leaves } = tree;
  let at = 0;
  while (at >= 0) {
    const node = nodes[at] as TreeNode;
    const bin = (columns[node.feature] as BinnedColumn).bins[row] as number;
    at = node.isLeft[bin] === 1 ? node.left : node.right;
  }
  return leaves[~at] as number;
}
