import { attribute, encodeModel, float32Tensor, node, uint8Tensor, valueInfo, type OnnxNode } from '@everloop/onnx';
import { width } from './serving-message.ts';

const trees = 100;
const depth = 5;
const hidden = [1_600, 1_600, 1_450] as const;

/** Numbers in [0, 1), the same on every machine: mulberry32. */
function randomBy(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function model(name: string, nodes: readonly OnnxNode[], constants: ReturnType<typeof float32Tensor>[]): Uint8Array {
  return encodeModel({
    ...{ irVersion: 10, producerName: 'everloop-bench', producerVersion: '1', refusedParts: [] },
    opsets: [
      { domain: '', version: 21 },
      { domain: 'ai.onnx.ml', version: 5 },
    ],
    graph: {
      ...{ name, nodes, initializers: constants },
      inputs: [valueInfo('numeric', 'float32', ['N', width])],
      outputs: [valueInfo('score', 'float32', ['N', 1])],
    },
  });
}

/** Gradient-boosted trees: 100 full ones of depth 5 over 20 numbers. */
export function smallModel(): Uint8Array {
  const random = randomBy(1);
  const inner = 2 ** depth - 1;
  const lists = { roots: [] as number[], features: [] as number[], splits: [] as number[], leaves: [] as number[] };
  const children = {
    trueIds: [] as number[],
    trueLeafs: [] as number[],
    falseIds: [] as number[],
    falseLeafs: [] as number[],
  };
  for (let tree = 0; tree < trees; tree += 1) {
    const [first, firstLeaf] = [tree * inner, tree * (inner + 1)];
    lists.roots.push(first);
    for (let at = 0; at < inner; at += 1) {
      lists.features.push(Math.floor(random() * width));
      lists.splits.push(random());
      const isLast = 2 * at + 1 >= inner;
      const child = (which: number): number => (isLast ? firstLeaf + 2 * at + which - inner : first + 2 * at + which);
      children.trueIds.push(child(1));
      children.falseIds.push(child(2));
      children.trueLeafs.push(Number(isLast));
      children.falseLeafs.push(Number(isLast));
    }
    for (let leaf = 0; leaf <= inner; leaf += 1) lists.leaves.push((random() - 0.5) / 10);
  }
  const floats = (name: string, values: readonly number[]) =>
    attribute.tensor(name, float32Tensor(name, Float32Array.from(values)));
  const ensemble = node(
    'ai.onnx.ml:TreeEnsemble',
    ['numeric'],
    ['margin'],
    [
      ...[attribute.int('aggregate_function', 1), attribute.int('n_targets', 1), attribute.int('post_transform', 0)],
      attribute.ints('tree_roots', lists.roots),
      attribute.ints('nodes_featureids', lists.features),
      attribute.tensor('nodes_modes', uint8Tensor('nodes_modes', new Uint8Array(trees * inner))),
      floats('nodes_splits', lists.splits),
      attribute.ints('nodes_truenodeids', children.trueIds),
      attribute.ints('nodes_trueleafs', children.trueLeafs),
      attribute.ints('nodes_falsenodeids', children.falseIds),
      attribute.ints('nodes_falseleafs', children.falseLeafs),
      floats('leaf_weights', lists.leaves),
      attribute.ints(
        'leaf_targetids',
        lists.leaves.map(() => 0),
      ),
    ],
  );
  return model('small', [ensemble, node('Sigmoid', ['margin'], ['score'])], []);
}

/** A perceptron of 20-1,600-1,600-1,450-1 with ReLU: 4.9 million parameters. */
export function largeModel(): Uint8Array {
  const random = randomBy(2);
  const sizes = [width, ...hidden, 1];
  const nodes: OnnxNode[] = [];
  const constants: ReturnType<typeof float32Tensor>[] = [];
  let from = 'numeric';
  for (let layer = 0; layer + 1 < sizes.length; layer += 1) {
    const [rows = 0, columns = 0] = [sizes[layer], sizes[layer + 1]];
    const values = Float32Array.from({ length: rows * columns }, () => (random() - 0.5) / Math.sqrt(rows));
    constants.push(float32Tensor(`w${layer}`, values, [rows, columns]));
    nodes.push(node('MatMul', [from, `w${layer}`], [`z${layer}`]));
    from = layer + 2 < sizes.length ? `a${layer}` : 'score';
    nodes.push(node(from === 'score' ? 'Sigmoid' : 'Relu', [`z${layer}`], [from]));
  }
  return model('large', nodes, constants);
}
