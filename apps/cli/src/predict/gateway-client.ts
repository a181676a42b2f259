import { inference, servingApi } from '@everloop/contracts';
import { connect } from '@everloop/grpc';
import { retry, ServiceError } from '@everloop/service';

/** A field of a model's requests. */
export interface RequestField {
  readonly name: string;
  readonly isText: boolean;
}

/** The calls of the gateway that a batch needs. */
export interface PredictClient {
  fields(model: string): Promise<readonly RequestField[]>;
  /** An answer or an error for each row, in order; rows that may be answered later are asked again. */
  predict(request: servingApi.PredictBatchRequest): Promise<readonly servingApi.RowAnswer[]>;
  close(): void;
}

/** Longest time of one call, milliseconds: 256 rows take a few. */
const deadlineMs = 60_000;
const pauses = { initialMs: 100, maxMs: 5_000 };

/** `attempts`: tries of what the gateway cannot answer now, with pauses of up to 5 s. */
export function connectGateway(address: string, attempts: number): PredictClient {
  const options = { name: 'everloop-cli', deadlineMs };
  const models = connect({ modelMetadata: inference.GRPCInferenceServiceService.modelMetadata }, address, options);
  const serving = connect({ predictBatch: servingApi.ServingServiceService.predictBatch }, address, options);
  return {
    async fields(name) {
      const { inputs } = await models.modelMetadata({ name, version: '' }).catch((error: unknown) => {
        throw unreachable(address, error);
      });
      return inputs.map((field) => ({ name: field.name, isText: field.datatype === 'BYTES' }));
    },
    predict: (request) => askAll((asked) => serving.predictBatch(asked), request, attempts),
    close: () => {
      models.close();
      serving.close();
    },
  };
}

type Ask = (request: servingApi.PredictBatchRequest) => Promise<servingApi.PredictBatchResponse>;

/** Asks until every row has an answer that another try would not change. Rejects with the last error when the tries are used up. */
export async function askAll(
  ask: Ask,
  request: servingApi.PredictBatchRequest,
  attempts: number,
): Promise<readonly servingApi.RowAnswer[]> {
  const answers = request.rows.map((): servingApi.RowAnswer => ({ result: undefined }));
  let open = request.rows.map((_, at) => at);
  await retry(
    async () => {
      const rows = open.flatMap((at) => request.rows[at] ?? []);
      const response = await ask({ ...request, rows });
      open.forEach((at, place) => (answers[at] = response.rows[place] ?? { result: undefined }));
      open = open.filter((at) => {
        const { result } = answers[at] ?? {};
        return result === undefined || (result.$case === 'error' && result.value.retryable);
      });
      if (open.length > 0) throw busy(answers[open[0] ?? 0]?.result, open.length);
    },
    { ...pauses, attempts },
  );
  return answers;
}

function busy(result: servingApi.RowAnswer['result'], rows: number): ServiceError {
  const why = result?.$case === 'error' ? `${result.value.code}: ${result.value.message}` : 'no answer';
  return new ServiceError({
    code: 'EVL_CLI_PREDICT_UNFINISHED',
    kind: 'retryable',
    message: `${rows} rows have no answer yet (${why}); run the same command again, and it goes on from here`,
  });
}

function unreachable(address: string, error: unknown): unknown {
  if (!(error instanceof ServiceError) || !error.code.startsWith('EVL_GRPC_')) return error;
  return new ServiceError({
    code: 'EVL_CLI_GATEWAY_UNREACHABLE',
    kind: error.kind,
    message: `the gateway at ${address} does not answer; start it with "npm start", or name another with --gateway or EVL_GATEWAY_ADDRESS (${error.message})`,
    cause: error,
  });
}
