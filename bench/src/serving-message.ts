import { inference } from '@everloop/contracts';

/** Numbers of a request. */
export const width = 20;
export const numbers = Float32Array.from({ length: width }, (_, column) => ((column * 37) % 101) / 101);

export function fieldName(column: number): string {
  return `x${String(column).padStart(2, '0')}`;
}

/** Little-endian bytes, as raw contents have them. */
function rawOf(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

function text(value: string): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt32LE(value.length);
  return Buffer.concat([head, Buffer.from(value)]);
}

/** One row: a key, and either the 20 numbers as one tensor or, with `customer`, the key of stored features. */
export function requestOf(model: string, customer?: string): Uint8Array {
  const one = [1n];
  const key = { name: 'id', datatype: 'BYTES', shape: one };
  const second =
    customer === undefined
      ? { name: 'numeric', datatype: 'FP32', shape: [1n, BigInt(width)] }
      : { name: 'customer', datatype: 'BYTES', shape: one };
  return inference.ModelInferRequest.encode(
    inference.ModelInferRequest.fromPartial({
      modelName: model,
      inputs: [key, second],
      rawInputContents: [text('request-1'), customer === undefined ? rawOf(numbers) : text(customer)],
    }),
  ).finish();
}

/** The numbers of a request, without any check. */
export function inputsOf(request: inference.ModelInferRequest): Float32Array {
  const raw = request.rawInputContents[1] ?? Buffer.alloc(0);
  return new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
}

/** The least answer that a client understands. */
export function scoreAnswer(request: inference.ModelInferRequest, scores: Float32Array): inference.ModelInferResponse {
  return inference.ModelInferResponse.fromPartial({
    modelName: request.modelName,
    modelVersion: '1',
    id: request.id,
    outputs: [{ name: 'score', datatype: 'FP32', shape: [BigInt(scores.length)] }],
    rawOutputContents: [rawOf(scores)],
  });
}
