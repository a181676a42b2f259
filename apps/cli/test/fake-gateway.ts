import { inference, servingApi } from '@everloop/contracts';
import { createGrpcServer, implement, type GrpcServer } from '@everloop/grpc';
import { createLogger } from '@everloop/service';

export interface FakeGateway {
  readonly server: GrpcServer;
  readonly address: () => string;
  /** Requests by id: how often each was answered. */
  readonly answered: Map<string, number>;
  readonly asked: servingApi.PredictRow[];
  /** Looked at before each call; throws what the call shall fail with. */
  onCall: (calls: number) => void | Promise<void>;
  /** Ids that are told to come later, and how often. */
  readonly busy: Map<string, number>;
}

/** A gateway whose scores are twice `x`; rows without `x` are refused. */
export async function fakeGateway(): Promise<FakeGateway> {
  let calls = 0;
  const gateway: FakeGateway = {
    server: createGrpcServer({
      ...{ name: 'gateway', host: '127.0.0.1', port: 0, logger: createLogger({ service: 'test', level: 'silent' }) },
      services: [
        implement(
          { modelMetadata: inference.GRPCInferenceServiceService.modelMetadata },
          {
            modelMetadata: ({ name }) =>
              inference.ModelMetadataResponse.fromPartial({
                name,
                inputs: [
                  { name: 'x', datatype: 'FP64', shape: [-1n] },
                  { name: 'carrier', datatype: 'BYTES', shape: [-1n] },
                  { name: 'absent', datatype: 'FP64', shape: [-1n] },
                ],
              }),
          },
        ),
        implement(
          { predictBatch: servingApi.ServingServiceService.predictBatch },
          {
            predictBatch: async ({ model, version, rows }) => {
              calls += 1;
              await gateway.onCall(calls);
              gateway.asked.push(...rows);
              return { rows: rows.map((row) => answer(gateway, model, version, row)) };
            },
          },
        ),
      ],
    }),
    address: () => `127.0.0.1:${gateway.server.port}`,
    answered: new Map(),
    asked: [],
    onCall: () => undefined,
    busy: new Map(),
  };
  await gateway.server.start();
  return gateway;
}

function answer(
  gateway: FakeGateway,
  model: string,
  version: string,
  row: servingApi.PredictRow,
): servingApi.RowAnswer {
  const { id, features } = row;
  const later = gateway.busy.get(id) ?? 0;
  if (later > 0) {
    gateway.busy.set(id, later - 1);
    return error('EVL_GATEWAY_QUEUE_FULL', [], true);
  }
  gateway.answered.set(id, (gateway.answered.get(id) ?? 0) + 1);
  const x = features?.['x'];
  if (typeof x !== 'number') return error('EVL_GATEWAY_REQUEST_INVALID', ['x is missing', 'and more'], false);
  const value = servingApi.PredictResponse.fromPartial({
    ...{ decisionId: `d-${id}`, id, model, modelVersion: version === '' ? '7' : version, score: 2 * x },
    ...{ arm: 'champion', propensity: 1, verdict: 'accept' },
  });
  return { result: { $case: 'prediction', value } };
}

function error(code: string, reasons: string[], retryable: boolean): servingApi.RowAnswer {
  return { result: { $case: 'error', value: { code, message: code, reasons, retryable } } };
}
