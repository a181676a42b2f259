import type { inference } from '@everloop/contracts';
import { datatypeOf, datatypes, encodeRaw, encodeTyped, type Element } from '../domain/datatypes.ts';
import { booleanParameter } from '../domain/parameters.ts';
import { jsonElements } from './json-elements.ts';

type Parameters = Record<string, inference.InferParameter>;
type Json = Readonly<Record<string, unknown>>;

export type Read<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly reason: string };

interface Input {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly bigint[];
  readonly parameters: Parameters;
  /** JSON elements, or the bytes of the binary extension. */
  readonly content: readonly Element[] | Buffer;
}

function bad<T>(reason: string): Read<T> {
  return { ok: false, reason };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readParameters(json: unknown): Read<Parameters> {
  const parameters: Parameters = {};
  if (json === undefined || json === null) return { ok: true, value: parameters };
  if (!isObject(json)) return bad('parameters must be an object');
  for (const [name, value] of Object.entries(json)) {
    // Only the prototype's own name would set something else.
    if (name === '__proto__') return bad("a parameter cannot be named '__proto__'");
    // Clients send what they have no value for as null, and content types of their own as objects.
    if (value === null) continue;
    if (typeof value === 'boolean') parameters[name] = { parameterChoice: { $case: 'boolParam', value } };
    else if (typeof value === 'string') parameters[name] = { parameterChoice: { $case: 'stringParam', value } };
    else if (typeof value !== 'number') return bad(`parameter '${name}' must be a boolean, a number or a string`);
    else if (Number.isSafeInteger(value))
      parameters[name] = { parameterChoice: { $case: 'int64Param', value: BigInt(value) } };
    else parameters[name] = { parameterChoice: { $case: 'doubleParam', value } };
  }
  return { ok: true, value: parameters };
}

/** The binary parts behind the JSON, taken one after the other. */
class Blobs {
  readonly #bytes: Buffer;
  #at = 0;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  get left(): number {
    return this.#bytes.length - this.#at;
  }
  take(size: number): Buffer {
    return this.#bytes.subarray(this.#at, (this.#at += size));
  }
}

function readInput(json: unknown, blobs: Blobs): Read<Input> {
  if (!isObject(json) || typeof json['name'] !== 'string') return bad('every input needs a name');
  const { name, datatype, shape, data } = json;
  if (typeof datatype !== 'string') return bad(`input '${name}' needs a datatype`);
  if (!Array.isArray(shape) || !shape.every((size) => Number.isSafeInteger(size)))
    return bad(`input '${name}' needs a shape of integers`);
  if (datatypeOf(datatype) === undefined) {
    const known = Object.keys(datatypes).join(', ');
    return bad(`input '${name}' has datatype '${datatype}', expected one of ${known}`);
  }
  const parameters = readParameters(json['parameters']);
  if (!parameters.ok) return bad(`input '${name}': ${parameters.reason}`);
  const head = { name, datatype, shape: shape.map((size) => BigInt(size as number)), parameters: parameters.value };
  const size = parameters.value['binary_data_size']?.parameterChoice;
  if (size === undefined) {
    const content = jsonElements(datatype, data ?? [], isBase64(parameters.value));
    return typeof content === 'string' ? bad(`input '${name}' ${content}`) : { ok: true, value: { ...head, content } };
  }
  if (data !== undefined) return bad(`input '${name}' has data and binary_data_size`);
  if (size.$case !== 'int64Param' || size.value < 0n)
    return bad(`input '${name}' has a binary_data_size that is no size`);
  if (size.value > BigInt(blobs.left))
    return bad(`input '${name}' has binary_data_size ${size.value}, only ${blobs.left} bytes are left of the body`);
  return { ok: true, value: { ...head, content: blobs.take(Number(size.value)) } };
}

/** MLServer's clients name the coding of BYTES so. */
function isBase64(parameters: Parameters): boolean {
  const choice = parameters['content_type']?.parameterChoice;
  return choice?.$case === 'stringParam' && choice.value === 'base64';
}

/** Typed if every input can be, else raw; raw is for all inputs or for none. */
function toMessage(inputs: readonly Input[]): Pick<inference.ModelInferRequest, 'inputs' | 'rawInputContents'> {
  const isRaw = inputs.some(
    ({ datatype, content }) => Buffer.isBuffer(content) || datatypeOf(datatype)?.field === null,
  );
  const tensors = inputs.map(({ name, datatype, shape, parameters, content }) => ({
    ...{ name, datatype, shape: [...shape], parameters },
    contents: isRaw || Buffer.isBuffer(content) ? undefined : (encodeTyped(datatype, content) ?? undefined),
  }));
  const raws = inputs.map(({ datatype, content }) =>
    Buffer.isBuffer(content) ? content : encodeRaw(datatype, content),
  );
  return { inputs: tensors, rawInputContents: isRaw ? raws : [] };
}

function readOutputs(json: unknown): Read<inference.ModelInferRequest['outputs']> {
  if (json === undefined || json === null) return { ok: true, value: [] };
  if (!Array.isArray(json)) return bad("'outputs' must be a list");
  const outputs: inference.ModelInferRequest['outputs'] = [];
  for (const output of json) {
    if (!isObject(output) || typeof output['name'] !== 'string') return bad('every output needs a name');
    const parameters = readParameters(output['parameters']);
    if (!parameters.ok) return bad(`output '${output['name']}': ${parameters.reason}`);
    outputs.push({ name: output['name'], parameters: parameters.value });
  }
  return { ok: true, value: outputs };
}

function parse(text: string): Read<unknown> {
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch {
    const hint = /[:,[\s]-?(NaN|Infinity)\b/.test(text)
      ? ': JSON has no NaN or Infinity; send that input in binary form (binary_data_size), or leave it out where the model allows'
      : '';
    return bad(`the body is not JSON${hint}`);
  }
}

/** Where the JSON of a body ends: all of it, or as the header `Inference-Header-Content-Length` says. */
export function jsonLength(header: unknown, bodyBytes: number): Read<number> {
  if (header === undefined) return { ok: true, value: bodyBytes };
  const length = typeof header === 'string' && /^\d{1,10}$/.test(header) ? Number(header) : -1;
  if (length < 0 || length > bodyBytes)
    return bad(`Inference-Header-Content-Length must be 0 to ${bodyBytes}, the bytes of the body`);
  return { ok: true, value: length };
}

/**
 * A body of `POST /v2/models/{model}/infer`, JSON of `jsonBytes` bytes and binary tensors behind it, as the request that gRPC carries. Only the form is
 * checked here. Answers are typed unless the request asks for binary ones.
 */
export function readInferRequest(
  modelName: string,
  modelVersion: string,
  body: Buffer,
  jsonBytes: number = body.length,
): Read<inference.ModelInferRequest> {
  const parsed = parse(body.toString('utf8', 0, jsonBytes));
  if (!parsed.ok) return parsed;
  const json = parsed.value;
  if (!isObject(json)) return bad('the body must be a JSON object');
  if (!Array.isArray(json['inputs'])) return bad("the body needs a list 'inputs'");
  const id = json['id'] ?? '';
  if (typeof id !== 'string') return bad("'id' must be a string");
  const blobs = new Blobs(body.subarray(jsonBytes));
  const inputs: Input[] = [];
  for (const each of json['inputs']) {
    const input = readInput(each, blobs);
    if (!input.ok) return input;
    inputs.push(input.value);
  }
  if (blobs.left > 0) return bad(`${blobs.left} bytes of the body belong to no input`);
  const parameters = readParameters(json['parameters']);
  if (!parameters.ok) return parameters;
  const outputs = readOutputs(json['outputs']);
  if (!outputs.ok) return outputs;
  return {
    ok: true,
    value: {
      ...{ modelName, modelVersion, id, outputs: outputs.value },
      ...toMessage(inputs),
      parameters: { binary_data_output: booleanParameter(false), ...parameters.value },
    },
  };
}
