import { decodeModel, OnnxDecodeError } from './decode.ts';
import { elementTypeName, type OnnxModel, type OnnxTensor, type OnnxValueInfo } from './model.ts';
import { allowedOperators, qualifiedName } from './operators.ts';

/** An input or output of a model. A dimension of -1 is known only at run time. */
export interface ModelPort {
  readonly name: string;
  /** `float32`, `string`, … */
  readonly datatype: string;
  readonly shape: readonly number[];
}

export interface ModelSummary {
  readonly inputs: readonly ModelPort[];
  readonly outputs: readonly ModelPort[];
  /** Operators used, sorted, each once; `ai.onnx.ml:` before those of that domain. */
  readonly ops: readonly string[];
}

export type CheckedModel =
  | { readonly ok: true; readonly summary: ModelSummary }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Largest model file and largest sum of constants, bytes: a model of a hundred trees has 0.2 MB, a large one 20 MB. */
export const modelBytesMax = 64 * 1024 * 1024;
const nodesMax = 10_000;

const elementBytes: Readonly<Record<string, number>> = {
  ...{ float32: 4, uint8: 1, int8: 1, uint16: 2, int16: 2, int32: 4, int64: 8 },
  ...{ bool: 1, float16: 2, float64: 8, uint32: 4, uint64: 8, string: 1 },
};

class Refusal extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Judges a model file that came from outside, without running any of it. Used in the host's child process, where an error must
 * be plain data; `inspectModel` is the same with exceptions.
 */
export function checkModel(bytes: Uint8Array): CheckedModel {
  try {
    if (bytes.length > modelBytesMax)
      throw new Refusal(
        'EVL_ONNX_TOO_LARGE',
        `the file has ${bytes.length} bytes, at most ${modelBytesMax} are allowed`,
      );
    const model = decodeModel(bytes);
    checkParts(model);
    checkTensors(model);
    return { ok: true, summary: summarise(model) };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, code: error.code, message: error.message };
    if (error instanceof OnnxDecodeError) return { ok: false, code: 'EVL_ONNX_INVALID', message: error.message };
    throw error;
  }
}

function checkParts(model: OnnxModel): void {
  if (model.refusedParts.length > 0)
    throw new Refusal(
      'EVL_ONNX_OPERATOR_REFUSED',
      `the model has ${model.refusedParts.join(', ')}, which is not allowed`,
    );
  if (model.graph.nodes.length > nodesMax)
    throw new Refusal(
      'EVL_ONNX_TOO_LARGE',
      `the graph has ${model.graph.nodes.length} nodes, at most ${nodesMax} are allowed`,
    );
  for (const node of model.graph.nodes) {
    const operator = qualifiedName(node.domain, node.opType);
    if (!allowedOperators.has(operator))
      throw new Refusal(
        'EVL_ONNX_OPERATOR_REFUSED',
        `operator ${operator} (node ${node.name}) is not on the allow-list`,
      );
    for (const { name, value } of node.attributes) {
      if (value.kind === 'refused')
        throw new Refusal('EVL_ONNX_OPERATOR_REFUSED', `attribute ${name} of ${operator} holds ${value.what}`);
    }
  }
}

function checkTensors(model: OnnxModel): void {
  const inNodes = model.graph.nodes.flatMap((node) =>
    node.attributes.flatMap(({ value }) => (value.kind === 'tensor' ? [value.value] : [])),
  );
  let total = 0;
  for (const tensor of [...model.graph.initializers, ...inNodes]) {
    total += tensorBytes(tensor);
    if (total > modelBytesMax)
      throw new Refusal('EVL_ONNX_TOO_LARGE', `the constants have more than ${modelBytesMax} bytes`);
  }
}

function tensorBytes(tensor: OnnxTensor): number {
  if (tensor.isExternal)
    throw new Refusal(
      'EVL_ONNX_EXTERNAL_DATA',
      `tensor ${tensor.name} has its values in another file; store them in the model`,
    );
  const typeName = elementTypeName(tensor.dataType);
  if (typeName === undefined)
    throw new Refusal(
      'EVL_ONNX_INVALID',
      `tensor ${tensor.name} has element type ${tensor.dataType}, which is not supported`,
    );
  const elements = tensor.dims.reduce((product, dim) => product * dim, 1);
  if (tensor.dims.some((dim) => dim < 0))
    throw new Refusal('EVL_ONNX_INVALID', `tensor ${tensor.name} has a negative size`);
  const bytes = elements * (elementBytes[typeName] ?? 1);
  if (bytes > modelBytesMax)
    throw new Refusal(
      'EVL_ONNX_TOO_LARGE',
      `tensor ${tensor.name} claims ${bytes} bytes, at most ${modelBytesMax} are allowed`,
    );
  if (tensor.raw.length > 0 && tensor.raw.length !== bytes)
    throw new Refusal(
      'EVL_ONNX_INVALID',
      `tensor ${tensor.name} should have ${bytes} bytes and has ${tensor.raw.length}`,
    );
  return bytes;
}

function summarise(model: OnnxModel): ModelSummary {
  // Initializers may be repeated among the inputs; they are not for the caller to give.
  const constants = new Set(model.graph.initializers.map((tensor) => tensor.name));
  const ops = new Set(model.graph.nodes.map((node) => qualifiedName(node.domain, node.opType)));
  return {
    inputs: model.graph.inputs.filter((input) => !constants.has(input.name)).map(port),
    outputs: model.graph.outputs.map(port),
    ops: [...ops].sort(),
  };
}

function port(info: OnnxValueInfo): ModelPort {
  const datatype = elementTypeName(info.dataType);
  if (datatype === undefined)
    throw new Refusal('EVL_ONNX_INVALID', `${info.name} is not a tensor of a supported type (type ${info.dataType})`);
  return { name: info.name, datatype, shape: info.shape.map((dim) => (typeof dim === 'number' ? dim : -1)) };
}
