import type { inference } from '@everloop/contracts';
import { encodeRaw, encodeTyped } from './datatypes.ts';
import type { Output } from './outputs.ts';
import { booleanParameter, doubleParameter, textParameter, type AnswerParameter } from './parameters.ts';
import { ProtoWriter, tagOf, wireType } from './proto-writer.ts';

/** An answer of the Open Inference Protocol before it takes a form. */
export interface InferAnswer {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  readonly parameters: readonly AnswerParameter[];
  readonly outputs: readonly Output[];
  /** Outputs are raw, or all of them typed. */
  readonly isRaw: boolean;
}

type Response = inference.ModelInferResponse;

/** The answer as a message. */
export function answerMessage({ modelName, modelVersion, id, parameters, outputs, isRaw }: InferAnswer): Response {
  return {
    ...{ modelName, modelVersion, id, parameters: parametersMessage(parameters) },
    outputs: outputs.map(({ name, datatype, shape, parameters: own, elements }) => ({
      ...{ name, datatype, shape: shape.map(BigInt), parameters: parametersMessage(own) },
      contents: isRaw ? undefined : (encodeTyped(datatype, Array.from(elements)) ?? undefined),
    })),
    rawOutputContents: isRaw ? outputs.map(({ datatype, elements }) => encodeRaw(datatype, Array.from(elements))) : [],
  };
}

function parametersMessage(parameters: readonly AnswerParameter[]): Response['parameters'] {
  return Object.fromEntries(
    parameters.map(([name, value]) => [
      name,
      typeof value === 'string'
        ? textParameter(value)
        : typeof value === 'boolean'
          ? booleanParameter(value)
          : doubleParameter(value),
    ]),
  );
}

const { varint, fixed64, delimited } = wireType;

/** Tags of the fields of `ModelInferResponse` and of the messages in it, as grpc_predict_v2.proto numbers them. */
const response = {
  modelName: tagOf(1, delimited),
  modelVersion: tagOf(2, delimited),
  id: tagOf(3, delimited),
  parameters: tagOf(4, delimited),
  outputs: tagOf(5, delimited),
  rawOutputContents: tagOf(6, delimited),
} as const;
const field = {
  name: tagOf(1, delimited),
  datatype: tagOf(2, delimited),
  shape: tagOf(3, delimited),
  parameters: tagOf(4, delimited),
  contents: tagOf(5, delimited),
} as const;
const entry = { key: tagOf(1, delimited), value: tagOf(2, delimited) } as const;
const parameter = { bool: tagOf(1, varint), text: tagOf(3, delimited), double: tagOf(4, fixed64) } as const;
/** Typed contents of the datatypes that outputs have. */
const contents = { FP32: tagOf(6, delimited), FP64: tagOf(7, delimited), BYTES: tagOf(8, delimited) } as const;

/** Answers are written one after the other, each to its end. */
const writer = new ProtoWriter();

/** The bytes of `answerMessage`, but for the order of fields, without making the message: 1.4 µs instead of 8.5 for a score. */
export function encodeAnswer({ modelName, modelVersion, id, parameters, outputs, isRaw }: InferAnswer): Buffer {
  text(response.modelName, modelName);
  text(response.modelVersion, modelVersion);
  text(response.id, id);
  writeParameters(response.parameters, parameters);
  for (const output of outputs) {
    const end = writer.begin(response.outputs);
    writeOutput(output, isRaw);
    writer.end(end);
  }
  if (isRaw) for (const output of outputs) writeRaw(output);
  return writer.finish();
}

function writeOutput(output: Output, isRaw: boolean): void {
  const { shape } = output;
  text(field.name, output.name);
  text(field.datatype, output.datatype);
  if (shape.length > 0) {
    const end = writer.begin(field.shape);
    for (const size of shape) writer.varint(size);
    writer.end(end);
  }
  writeParameters(field.parameters, output.parameters);
  if (isRaw) return;
  const end = writer.begin(field.contents);
  writeTyped(output);
  writer.end(end);
}

function writeParameters(tag: number, all: readonly AnswerParameter[]): void {
  for (const [name, value] of all) {
    const end = writer.begin(tag);
    writer.text(entry.key, name);
    const endValue = writer.begin(entry.value);
    if (typeof value === 'string') writer.text(parameter.text, value);
    else if (typeof value === 'boolean') {
      writer.varint(parameter.bool);
      writer.varint(Number(value));
    } else {
      writer.varint(parameter.double);
      writer.double(value);
    }
    writer.end(endValue);
    writer.end(end);
  }
}

function writeTyped({ datatype, elements }: Output): void {
  if (datatype === 'BYTES') {
    for (let index = 0; index < elements.length; index += 1) writer.bytes(contents.BYTES, elements[index] as Buffer);
    return;
  }
  if (elements.length === 0) return;
  writer.varint(contents[datatype]);
  writeNumbers(datatype, elements);
}

function writeRaw({ datatype, elements }: Output): void {
  if (datatype === 'BYTES') {
    writer.bytes(response.rawOutputContents, encodeRaw(datatype, Array.from(elements)));
    return;
  }
  writer.varint(response.rawOutputContents);
  writeNumbers(datatype, elements);
}

/** Their length and they, little-endian: the same in raw and in typed contents. */
function writeNumbers(datatype: 'FP32' | 'FP64', elements: Output['elements']): void {
  writer.varint(elements.length * (datatype === 'FP32' ? 4 : 8));
  for (let index = 0; index < elements.length; index += 1) {
    const element = Number(elements[index]);
    if (datatype === 'FP32') writer.float(element);
    else writer.double(element);
  }
}

function text(tag: number, value: string): void {
  if (value !== '') writer.text(tag, value);
}
