import { attribute, encodeModel, float32Tensor, node, uint8Tensor, valueInfo, type OnnxNode } from '@everloop/onnx';
import type { Encoder } from './gbdt/binned.ts';
import type { Ensemble } from './gbdt/train.ts';
import type { Child, Tree, TreeNode } from './gbdt/tree.ts';

/** `nodes_modes` of ai.onnx.ml TreeEnsemble, opset 5. */
const mode = { lessOrEqual: 0, member: 6 } as const;

/**
 * The ensemble with its preprocessing as one ONNX file: category text → bin number (unknown and missing are 0), beside the numbers
 * as they are → trees → + base → sigmoid. Inputs `numeric` float32 [N, k] and `category` string [N, m] (an input without
 * columns is left out), output `score` float32 [N, 1]. The same ensemble gives the same bytes. Linear in the number of nodes.
 *
 * Source: ONNX ai.onnx.ml operators, TreeEnsemble version 5 and LabelEncoder version 4.
 */
export function gbdtToOnnx(ensemble: Ensemble, encoders: readonly Encoder[]): Uint8Array {
  const numericCount = encoders.filter((encoder) => encoder.kind === 'numeric').length;
  const vocabularies = encoders.flatMap((encoder) => (encoder.kind === 'category' ? [encoder.vocabulary] : []));
  const parts = numericCount > 0 ? ['numeric'] : [];
  const nodes: OnnxNode[] = [...labelEncoders(vocabularies, parts)];
  nodes.push(node('Concat', parts, ['features'], [attribute.int('axis', 1)]));
  nodes.push(treeEnsemble(ensemble, encoders));
  nodes.push(node('Add', ['trees', 'base'], ['margin']), node('Sigmoid', ['margin'], ['score']));
  return encodeModel({
    irVersion: 10,
    producerName: 'everloop-recipe-gbdt',
    producerVersion: '1',
    opsets: [
      { domain: '', version: 21 },
      { domain: 'ai.onnx.ml', version: 5 },
    ],
    graph: {
      name: 'gbdt',
      nodes,
      initializers: [float32Tensor('base', Float32Array.of(ensemble.base))],
      inputs: [
        ...(numericCount > 0 ? [valueInfo('numeric', 'float32', ['N', numericCount])] : []),
        ...(vocabularies.length > 0 ? [valueInfo('category', 'string', ['N', vocabularies.length])] : []),
      ],
      outputs: [valueInfo('score', 'float32', ['N', 1])],
    },
    refusedParts: [],
  });
}

/** One encoder for each column of `category`; adds the names of their outputs to `parts`. */
function labelEncoders(vocabularies: readonly (readonly string[])[], parts: string[]): readonly OnnxNode[] {
  if (vocabularies.length === 0) return [];
  const columns = vocabularies.map((_, index) => `category_${index}`);
  const nodes =
    columns.length === 1
      ? [node('Identity', ['category'], columns)]
      : [
          node('Split', ['category'], columns, [
            attribute.int('axis', 1),
            attribute.int('num_outputs', columns.length),
          ]),
        ];
  vocabularies.forEach((vocabulary, index) => {
    const output = `bin_${index}`;
    parts.push(output);
    // The runtime wants at least one key; the empty text means missing and is bin 0 anyway.
    const keys = vocabulary.length === 0 ? [''] : vocabulary;
    const values = vocabulary.length === 0 ? [0] : vocabulary.map((_each, place) => place + 1);
    nodes.push(
      node(
        'ai.onnx.ml:LabelEncoder',
        [`category_${index}`],
        [output],
        [
          attribute.strings('keys_strings', keys),
          attribute.floats('values_floats', values),
          attribute.float('default_float', 0),
        ],
      ),
    );
  });
  return nodes;
}

/** The operator's parallel lists. Set members stand in the order of their nodes, each set ended by NaN. */
interface EnsembleLists {
  readonly roots: number[];
  readonly features: number[];
  readonly modes: number[];
  readonly splits: number[];
  readonly trueIds: number[];
  readonly trueIsLeaf: number[];
  readonly falseIds: number[];
  readonly falseIsLeaf: number[];
  readonly missingIsTrue: number[];
  readonly members: number[];
  readonly leafValues: number[];
}

function treeEnsemble(ensemble: Ensemble, encoders: readonly Encoder[]): OnnxNode {
  const lists: EnsembleLists = {
    ...{ roots: [], features: [], modes: [], splits: [], trueIds: [], trueIsLeaf: [], falseIds: [], falseIsLeaf: [] },
    ...{ missingIsTrue: [], members: [], leafValues: [] },
  };
  const trees = ensemble.trees.length > 0 ? ensemble.trees : [nothingLearned];
  for (const tree of trees) addTree(lists, tree, encoders);
  const floats = (name: string, values: readonly number[]) =>
    attribute.tensor(name, float32Tensor(name, Float32Array.from(values)));
  return node(
    'ai.onnx.ml:TreeEnsemble',
    ['features'],
    ['trees'],
    [
      attribute.int('aggregate_function', 1),
      attribute.int('n_targets', 1),
      attribute.int('post_transform', 0),
      attribute.ints('tree_roots', lists.roots),
      attribute.ints('nodes_featureids', lists.features),
      attribute.tensor('nodes_modes', uint8Tensor('nodes_modes', Uint8Array.from(lists.modes))),
      floats('nodes_splits', lists.splits),
      attribute.ints('nodes_truenodeids', lists.trueIds),
      attribute.ints('nodes_trueleafs', lists.trueIsLeaf),
      attribute.ints('nodes_falsenodeids', lists.falseIds),
      attribute.ints('nodes_falseleafs', lists.falseIsLeaf),
      attribute.ints('nodes_missing_value_tracks_true', lists.missingIsTrue),
      floats('leaf_weights', lists.leafValues),
      attribute.ints(
        'leaf_targetids',
        lists.leafValues.map(() => 0),
      ),
      ...(lists.members.length > 0 ? [floats('membership_values', lists.members)] : []),
    ],
  );
}

/** The operator needs a tree; this one adds 0 to every row. */
const nothingLearned: Tree = {
  nodes: [
    {
      feature: 0,
      test: { kind: 'numeric', lastLeftBin: 1, isMissingLeft: false },
      isLeft: Uint8Array.of(0, 1),
      left: ~0,
      right: ~0,
      gain: 0,
    },
  ],
  leaves: Float32Array.of(0),
};

/** Nodes are numbered from the root down, left before right; the runtime expects members in that order. */
function addTree(lists: EnsembleLists, tree: Tree, encoders: readonly Encoder[]): void {
  const order: number[] = [];
  const stack: Child[] = [0];
  for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
    const treeNode = at >= 0 ? tree.nodes[at] : undefined;
    if (treeNode === undefined) continue;
    order.push(at);
    stack.push(treeNode.right, treeNode.left);
  }
  const firstNode = lists.features.length;
  const firstLeaf = lists.leafValues.length;
  const numbers = new Map(order.map((index, place) => [index, firstNode + place]));
  const link = (child: Child, ids: number[], isLeaf: number[]): void => {
    ids.push(child < 0 ? firstLeaf + ~child : (numbers.get(child) ?? 0));
    isLeaf.push(child < 0 ? 1 : 0);
  };
  lists.roots.push(firstNode);
  lists.leafValues.push(...tree.leaves);
  for (const index of order) {
    const treeNode = tree.nodes[index] as TreeNode;
    addTest(lists, treeNode, encoders[treeNode.feature]);
    link(treeNode.left, lists.trueIds, lists.trueIsLeaf);
    link(treeNode.right, lists.falseIds, lists.falseIsLeaf);
  }
}

function addTest(lists: EnsembleLists, { feature, test }: TreeNode, encoder: Encoder | undefined): void {
  lists.features.push(feature);
  if (test.kind === 'category') {
    lists.modes.push(mode.member);
    lists.splits.push(0);
    lists.missingIsTrue.push(0);
    lists.members.push(...test.leftBins, NaN);
    return;
  }
  lists.modes.push(mode.lessOrEqual);
  // x <= the bin's upper threshold is the same as bin <= lastLeftBin. The placeholder tree has no threshold to look up.
  lists.splits.push((encoder?.kind === 'numeric' ? encoder.thresholds[test.lastLeftBin - 1] : undefined) ?? 0);
  lists.missingIsTrue.push(test.isMissingLeft ? 1 : 0);
}
