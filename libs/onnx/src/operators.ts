/**
 * Operators a model may use. What they share: no subgraphs, no loops, no randomness, no files, and an output whose size is
 * bounded by inputs and constants. That is why `Loop`, `If`, `Scan`, `Range`, `Tile`, `Expand` or `ConstantOfShape` are not
 * here: with them a few hundred bytes can run for ever or fill the memory.
 */
const standard = [
  ...[
    'Abs',
    'Add',
    'And',
    'ArgMax',
    'ArgMin',
    'BatchNormalization',
    'Cast',
    'Ceil',
    'Clip',
    'Concat',
    'Constant',
    'Cos',
  ],
  ...['Div', 'Elu', 'Equal', 'Erf', 'Exp', 'Flatten', 'Floor', 'Gather', 'Gelu', 'Gemm', 'Greater', 'GreaterOrEqual'],
  ...[
    'Identity',
    'IsInf',
    'IsNaN',
    'LayerNormalization',
    'LeakyRelu',
    'Less',
    'LessOrEqual',
    'Log',
    'LogSoftmax',
    'MatMul',
  ],
  ...['Max', 'Mean', 'Min', 'Mod', 'Mul', 'Neg', 'Not', 'Or', 'Pow', 'PRelu', 'Reciprocal', 'ReduceL2', 'ReduceMax'],
  ...[
    'ReduceMean',
    'ReduceMin',
    'ReduceProd',
    'ReduceSum',
    'Relu',
    'Reshape',
    'Round',
    'Selu',
    'Shape',
    'Sigmoid',
    'Sign',
  ],
  ...[
    'Sin',
    'Slice',
    'Softmax',
    'Softplus',
    'Split',
    'Sqrt',
    'Squeeze',
    'Sub',
    'Sum',
    'Tanh',
    'Transpose',
    'Unsqueeze',
  ],
  ...['Where', 'Xor'],
];

const machineLearning = [
  ...['ArrayFeatureExtractor', 'FeatureVectorizer', 'Imputer', 'LabelEncoder', 'LinearClassifier', 'LinearRegressor'],
  ...['Normalizer', 'OneHotEncoder', 'Scaler', 'TreeEnsemble', 'TreeEnsembleClassifier', 'TreeEnsembleRegressor'],
];

/** `<operator>` for the standard domain and `ai.onnx.ml:<operator>`. */
export const allowedOperators: ReadonlySet<string> = new Set([
  ...standard,
  ...machineLearning.map((name) => `ai.onnx.ml:${name}`),
]);

/** Domains whose operators are looked up; `ai.onnx` is the long name of the empty one. */
export function qualifiedName(domain: string, opType: string): string {
  return domain === '' || domain === 'ai.onnx' ? opType : `${domain}:${opType}`;
}
