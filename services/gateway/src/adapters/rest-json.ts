import { inference } from '@everloop/contracts';

type Tensor = inference.ModelInferRequest_InferInputTensor;
type Contents = inference.InferTensorContents;
type Parameters = Record<string, inference.InferParameter>;

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

function bad<T>(reason: string): Read<T> {
  return { ok: false, reason };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Elements of `data` in row-major order; nested arrays are flattened, as the protocol allows both. */
function flatten(data: unknown): readonly unknown[] {
  return Array.isArray(data) ? data.flat(Infinity) : [data];
}

/** JSON elements as typed contents; null when one does not fit the datatype. */
function contentsOf(datatype: string, elements: readonly unknown[]): Partial<Contents> | null {
  const areNumbers = elements.every((element) => typeof element === 'number');
  const areIntegers = elements.every((element) => Number.isSafeInteger(element));
  switch (datatype) {
    case 'BYTES': {
      if (!elements.every((element) => typeof element === 'string')) return null;
      return { bytesContents: elements.map((element) => Buffer.from(element, 'utf8')) };
    }
    case 'FP64':
      return areNumbers ? { fp64Contents: elements as number[] } : null;
    case 'FP32':
      return areNumbers ? { fp32Contents: elements as number[] } : null;
    case 'INT64':
      return areIntegers ? { int64Contents: elements.map((element) => BigInt(element as number)) } : null;
    case 'INT32':
      return areIntegers ? { intContents: elements as number[] } : null;
    default:
      return {};
  }
}

function readTensor(json: unknown): Read<Tensor> {
  if (!isObject(json) || typeof json['name'] !== 'string') return bad('every input needs a name');
  const { name, datatype, shape, data } = json;
  if (typeof datatype !== 'string') return bad(`input '${name}' needs a datatype`);
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size))) {
    return bad(`input '${name}' needs a shape of integers`);
  }
  const contents = contentsOf(datatype, flatten(data ?? []));
  if (contents === null) return bad(`input '${name}' has data that is not ${datatype}`);
  const value: Tensor = {
    name,
    datatype,
    shape: shape.map((size) => BigInt(size as number)),
    parameters: {},
    contents: inference.InferTensorContents.fromPartial(contents),
  };
  return { ok: true, value };
}

function readParameters(json: unknown): Read<Parameters> {
  const parameters: Parameters = {};
  if (json === undefined) return { ok: true, value: parameters };
  if (!isObject(json)) return bad('parameters must be an object');
  for (const [name, value] of Object.entries(json)) {
    if (typeof value === 'boolean') parameters[name] = { parameterChoice: { $case: 'boolParam', value } };
    else if (typeof value === 'string') parameters[name] = { parameterChoice: { $case: 'stringParam', value } };
    else if (typeof value !== 'number') return bad(`parameter '${name}' must be a boolean, a number or a string`);
    else if (Number.isSafeInteger(value))
      parameters[name] = { parameterChoice: { $case: 'int64Param', value: BigInt(value) } };
    else parameters[name] = { parameterChoice: { $case: 'doubleParam', value } };
  }
  return { ok: true, value: parameters };
}

/** A JSON body of `POST /v2/models/{model}/infer` as the request that gRPC carries. Only the form is checked here. */
export function readInferRequest(
  modelName: string,
  modelVersion: string,
  body: unknown,
): Read<inference.ModelInferRequest> {
  if (!isObject(body)) return bad('the body must be a JSON object');
  if (!Array.isArray(body['inputs'])) return bad("the body needs a list 'inputs'");
  if (body['id'] !== undefined && typeof body['id'] !== 'string') return bad("'id' must be a string");
  const inputs: Tensor[] = [];
  for (const json of body['inputs']) {
    const tensor = readTensor(json);
    if (!tensor.ok) return tensor;
    inputs.push(tensor.value);
  }
  const parameters = readParameters(body['parameters']);
  if (!parameters.ok) return parameters;
  const outputs = Array.isArray(body['outputs']) ? body['outputs'] : [];
  const names = outputs.map((output: unknown) => (isObject(output) ? String(output['name']) : ''));
  return {
    ok: true,
    value: {
      modelName,
      modelVersion,
      id: body['id'] ?? '',
      parameters: parameters.value,
      inputs,
      outputs: names.map((name) => ({ name, parameters: {} })),
      rawInputContents: [],
    },
  };
}

/** An answer as JSON; `data` is FP32. */
export function writeInferResponse(response: inference.ModelInferResponse): object {
  return {
    model_name: response.modelName,
    model_version: response.modelVersion,
    id: response.id,
    parameters: Object.fromEntries(
      Object.entries(response.parameters).map(([name, { parameterChoice: choice }]) => [
        name,
        typeof choice?.value === 'bigint' ? Number(choice.value) : choice?.value,
      ]),
    ),
    outputs: response.outputs.map(({ name, datatype, shape, contents }) => ({
      name,
      datatype,
      shape: shape.map(Number),
      data: contents?.fp32Contents ?? [],
    })),
  };
}

/** A model's metadata as JSON. */
export function writeModelMetadata(metadata: inference.ModelMetadataResponse): object {
  const tensors = (list: readonly inference.ModelMetadataResponse_TensorMetadata[]): object[] =>
    list.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(Number) }));
  const { name, versions, platform, inputs, outputs, properties } = metadata;
  return { name, versions, platform, inputs: tensors(inputs), outputs: tensors(outputs), properties };
}
