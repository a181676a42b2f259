import { inference, servingApi } from '@everloop/contracts';

const bytesRaw = (texts: readonly string[]): Buffer =>
  Buffer.concat(
    texts.map((text) => {
      const prefixed = Buffer.alloc(4 + Buffer.byteLength(text));
      prefixed.writeUInt32LE(Buffer.byteLength(text));
      prefixed.write(text, 4);
      return prefixed;
    }),
  );
const doublesRaw = (values: readonly number[]): Buffer => Buffer.from(Float64Array.from(values).buffer);

/** What a valid request says; the score of a row is sigmoid(distance / 100). */
export interface Asked {
  readonly id: string;
  readonly distances: readonly number[];
}

const typed = (datatype: string, shape: bigint[], contents: object) => ({ datatype, shape, contents });

/** A request with typed contents. */
export function typedRequest({ id, distances }: Asked): inference.ModelInferRequest {
  const shape = [BigInt(distances.length)];
  const texts = (text: string) => ({ bytesContents: distances.map((_, row) => Buffer.from(`${text}${row}`)) });
  return inference.ModelInferRequest.fromPartial({
    ...{ modelName: 'delay', id },
    inputs: [
      { name: 'trip', ...typed('BYTES', shape, texts(`${id}-`)) },
      { name: 'origin', ...typed('BYTES', shape, texts('EW')) },
      { name: 'distance', ...typed('FP64', shape, { fp64Contents: [...distances] }) },
    ],
  });
}

/** The same with raw contents, in columns of `[n, 1]`. */
export function rawRequest({ id, distances }: Asked): inference.ModelInferRequest {
  const shape = [BigInt(distances.length), 1n];
  const trips = distances.map((_, row) => `${id}-${row}`);
  return inference.ModelInferRequest.fromPartial({
    ...{ modelName: 'delay', id },
    inputs: ['trip', 'origin', 'distance'].map((name) => ({
      name,
      datatype: name === 'distance' ? 'FP64' : 'BYTES',
      shape,
    })),
    rawInputContents: [bytesRaw(trips), bytesRaw(trips.map(() => 'EWR')), doublesRaw(distances)],
  });
}

/** The same as JSON. */
export function jsonRequest({ id, distances }: Asked): object {
  const shape = [distances.length];
  return {
    id,
    parameters: { unit_id: 'u', event_time_ms: 1_357_000_000_000 },
    inputs: [
      { name: 'trip', datatype: 'BYTES', shape, data: distances.map((_, row) => `${id}-${row}`) },
      { name: 'origin', datatype: 'BYTES', shape: [distances.length, 1], data: distances.map(() => ['EWR']) },
      { name: 'distance', datatype: 'FP64', shape, data: [...distances], parameters: { binary_data: false } },
    ],
    outputs: [{ name: 'score', parameters: { binary_data: false } }],
  };
}

/** The same as JSON with its numbers in binary form behind it; the JSON and what follows. */
export function binaryRequest({ id, distances }: Asked): { readonly json: object; readonly tail: Buffer } {
  const json = jsonRequest({ id, distances }) as { inputs: object[] };
  const tail = doublesRaw(distances);
  const distance = { name: 'distance', datatype: 'FP64', shape: [distances.length] };
  const inputs = [...json.inputs.slice(0, 2), { ...distance, parameters: { binary_data_size: tail.length } }];
  return { json: { ...json, inputs }, tail };
}

/** The same, as rows of the typed API. */
function rowsOf({ id, distances }: Asked) {
  return distances.map((distance, row) => ({
    id: distances.length === 1 ? id : `${id}-${row}`,
    features: { trip: `${id}-${row}`, origin: 'EWR', distance },
  }));
}

/** The same as one call of the typed API: `Predict` for one row, else `PredictBatch`. */
export function typedCall(asked: Asked): { readonly path: string; readonly message: Buffer } {
  const rows = rowsOf(asked);
  const [first] = rows;
  const isOne = rows.length === 1 && first !== undefined;
  const message = isOne
    ? servingApi.PredictRequest.encode(servingApi.PredictRequest.fromPartial({ model: 'delay', ...first })).finish()
    : servingApi.PredictBatchRequest.encode(
        servingApi.PredictBatchRequest.fromPartial({ model: 'delay', rows }),
      ).finish();
  return { path: isOne ? predictPath : batchPath, message: Buffer.from(message) };
}

/** The same as JSON of the typed API. */
export function typedJson(asked: Asked): { readonly path: string; readonly json: object } {
  const rows = rowsOf(asked);
  const isOne = rows.length === 1;
  return { path: `/v1/models/delay:predict${isOne ? '' : 'Batch'}`, json: isOne ? { ...rows[0] } : { rows } };
}

/** Rich requests: what mutations begin from. */
export function inferSeeds(): readonly Buffer[] {
  const asked = { id: 'seed', distances: [12.5, -7] };
  const parameters = {
    unit_id: { parameterChoice: { $case: 'stringParam', value: 'u1' } },
    event_time_ms: { parameterChoice: { $case: 'int64Param', value: 1_357_000_000_000n } },
    'x-everloop-route': { parameterChoice: { $case: 'stringParam', value: ':delay_1:' } },
    triton_enable_empty_final_response: { parameterChoice: { $case: 'boolParam', value: true } },
    priority: { parameterChoice: { $case: 'uint64Param', value: 7n } },
    ratio: { parameterChoice: { $case: 'doubleParam', value: 0.5 } },
  } as const;
  const outputs = [{ name: 'score', parameters: { binary_data: parameters.triton_enable_empty_final_response } }];
  return [
    typedRequest(asked),
    rawRequest(asked),
    { ...typedRequest({ id: '', distances: [1] }), parameters, outputs },
    { ...rawRequest({ id: 'r', distances: [3, 4, 5] }), parameters, outputs, modelVersion: '1' },
  ].map((request) => Buffer.from(inference.ModelInferRequest.encode(request).finish()));
}

const named = (name: string, version = ''): Buffer =>
  Buffer.from(inference.ModelMetadataRequest.encode({ name, version }).finish());
const service = '/inference.GRPCInferenceService';

/** The other methods, and a valid message of each. */
export const otherCalls: readonly [readonly [string, Buffer], ...(readonly [string, Buffer])[]] = [
  [`${service}/ModelMetadata`, named('delay', '1')],
  [`${service}/ModelReady`, named('delay')],
  [`${service}/ModelConfig`, named('delay')],
  [`${service}/ModelStatistics`, named('delay', '1')],
  [`${service}/ServerMetadata`, Buffer.alloc(0)],
  [`${service}/RepositoryIndex`, Buffer.from([0x0a, 1, 0x78, 0x10, 1])],
  [`${service}/RepositoryModelLoad`, Buffer.concat([Buffer.from([0x12, 5]), Buffer.from('delay')])],
  [`${service}/RepositoryModelUnload`, Buffer.concat([Buffer.from([0x12, 5]), Buffer.from('delay')])],
  ['/grpc.health.v1.Health/Check', Buffer.concat([Buffer.from([0x0a, 5]), Buffer.from('delay')])],
  ['/grpc.reflection.v1.ServerReflection/ServerReflectionInfo', Buffer.from([0x3a, 0])],
];

const predictPath = '/everloop.serving.v1.ServingService/Predict';
const batchPath = '/everloop.serving.v1.ServingService/PredictBatch';
export const inferPath = `${service}/ModelInfer`;
export const streamPath = `${service}/ModelStreamInfer`;
