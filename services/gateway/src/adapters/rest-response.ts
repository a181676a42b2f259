import type { inference, inferenceConfig } from '@everloop/contracts';
import { datatypeOf, type Element } from '../domain/datatypes.ts';

type Parameters = inference.ModelInferResponse['parameters'];

/** An answer as HTTP carries it. */
export interface InferBody {
  /** JSON, and behind it the binary outputs. */
  readonly body: Buffer;
  /** Bytes of the JSON where binary outputs follow; null: all of it is JSON. */
  readonly jsonBytes: number | null;
}

function plain(parameters: Parameters): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, { parameterChoice: choice }]) => [
      name,
      typeof choice?.value === 'bigint' ? Number(choice.value) : choice?.value,
    ]),
  );
}

function jsonData(datatype: string, contents: inference.InferTensorContents | undefined): readonly unknown[] {
  const field = datatypeOf(datatype)?.field ?? null;
  const elements: readonly Element[] = field === null || contents === undefined ? [] : contents[field];
  return elements.map((element) => {
    if (Buffer.isBuffer(element)) return element.toString('utf8');
    return typeof element === 'bigint' ? Number(element) : element;
  });
}

/** An answer: JSON, or JSON and the raw outputs behind it, each with its `binary_data_size`. */
export function writeInferResponse(response: inference.ModelInferResponse): InferBody {
  const raws = response.rawOutputContents;
  const outputs = response.outputs.map(({ name, datatype, shape, parameters, contents }, index) => {
    const raw = raws[index];
    const head = { name, datatype, shape: shape.map(Number) };
    if (raw !== undefined) return { ...head, parameters: { ...plain(parameters), binary_data_size: raw.length } };
    return { ...head, data: jsonData(datatype, contents) };
  });
  const { modelName, modelVersion, id } = response;
  const json = Buffer.from(
    JSON.stringify({
      ...{ model_name: modelName, model_version: modelVersion, id },
      parameters: plain(response.parameters),
      outputs,
    }),
  );
  return raws.length === 0
    ? { body: json, jsonBytes: null }
    : { body: Buffer.concat([json, ...raws]), jsonBytes: json.length };
}

/** A model's metadata as JSON. */
export function writeModelMetadata(metadata: inference.ModelMetadataResponse): object {
  const tensors = (list: readonly inference.ModelMetadataResponse_TensorMetadata[]): object[] =>
    list.map(({ name, datatype, shape }) => ({ name, datatype, shape: shape.map(Number) }));
  const { name, versions, platform, inputs, outputs, properties } = metadata;
  return { name, versions, platform, inputs: tensors(inputs), outputs: tensors(outputs), properties };
}

function duration(value: inference.StatisticDuration | undefined): object {
  return { count: Number(value?.count ?? 0n), ns: Number(value?.ns ?? 0n) };
}

/** Statistics as JSON, with the names of Triton's statistics extension. */
export function writeStatistics({ modelStats }: inference.ModelStatisticsResponse): object {
  return {
    model_stats: modelStats.map(({ name, version, inferenceStats: stats, ...each }) => ({
      ...{ name, version, last_inference: Number(each.lastInference) },
      ...{ inference_count: Number(each.inferenceCount), execution_count: Number(each.executionCount) },
      inference_stats: {
        success: duration(stats?.success),
        fail: duration(stats?.fail),
        queue: duration(stats?.queue),
        compute_input: duration(stats?.computeInput),
        compute_infer: duration(stats?.computeInfer),
        compute_output: duration(stats?.computeOutput),
        cache_hit: duration(stats?.cacheHit),
        cache_miss: duration(stats?.cacheMiss),
      },
      batch_stats: each.batchStats.map((batch) => ({
        batch_size: Number(batch.batchSize),
        compute_input: duration(batch.computeInput),
        compute_infer: duration(batch.computeInfer),
        compute_output: duration(batch.computeOutput),
      })),
    })),
  };
}

/** A model's configuration as JSON, with the names of Triton's ModelConfig. */
export function writeConfig(config: inferenceConfig.ModelConfig): object {
  const policy = config.versionPolicy?.policyChoice;
  return {
    ...{ name: config.name, platform: config.platform, backend: config.backend },
    version_policy: { specific: { versions: (policy?.value.versions ?? []).map(Number) } },
    max_batch_size: config.maxBatchSize,
    input: config.input.map(({ name, dataType, dims }) => ({ name, data_type: dataType, dims: dims.map(Number) })),
    output: config.output.map(({ name, dataType, dims }) => ({ name, data_type: dataType, dims: dims.map(Number) })),
    instance_group: config.instanceGroup.map(({ name, kind, count }) => ({ name, kind, count })),
    default_model_filename: config.defaultModelFilename,
    parameters: Object.fromEntries(
      Object.entries(config.parameters).map(([name, { stringValue }]) => [name, { string_value: stringValue }]),
    ),
    model_transaction_policy: { decoupled: config.modelTransactionPolicy?.decoupled ?? false },
  };
}
