import type {
  FeatureServiceSpec,
  FeatureViewSpec,
  inference,
  ModelSpec,
  registry,
  servingApi,
  SourceSpec,
} from '@everloop/contracts';
import type { GoldenRows } from '@everloop/features';
import type { RequestRow } from './domain/gate.ts';
import type { FeatureRow, Packed } from './domain/vector.ts';

/** The resources by which a model's inputs are read, by name. */
export interface FeatureResources {
  readonly views: ReadonlyMap<string, FeatureViewSpec>;
  readonly sources: ReadonlyMap<string, SourceSpec>;
  /** By `<name>@<version>`. */
  readonly services: ReadonlyMap<string, FeatureServiceSpec>;
}

/** A row to enrich and the event time it is read as of, epoch milliseconds UTC. */
export interface Lookup {
  readonly request: RequestRow;
  readonly asOfMs: number;
}

/** Reads the inputs of one model. */
export interface FeatureReader {
  /** Whether any row needs the online store; if not, `readWithoutStore` gives all that `read` would. */
  readonly needsStore: boolean;
  /** All rows in one round trip to the online store, in order. Rejects when the store cannot be reached. */
  read(rows: readonly Lookup[]): Promise<readonly FeatureRow[]>;
  /** A version's golden rows, from their raw values to its inputs as a request's go; null where it lacks some of them. */
  replay(golden: GoldenRows): readonly FeatureRow[] | null;
  /** What is known without the online store: request fields; every feature is missing and its view listed as degraded. */
  readWithoutStore(rows: readonly Lookup[]): readonly FeatureRow[];
}

/** What a loaded model file takes. */
export interface ModelShape {
  readonly nNumeric: number;
  readonly nCategories: number;
}

/** Runs model files apart from this process. */
export interface ScoreRunner {
  /** Rejects when the file is absent, changed or refused. With `batching`, its runs wait for each other. */
  load(key: string, path: string, digestHex: string, batching?: ModelSpec['batching']): Promise<ModelShape>;
  unload(key: string): Promise<void>;
  /** Scores, float64 [rows]; concurrent calls for one key share a run. */
  run(key: string, batch: Packed): Promise<Float64Array>;
}

/** The registry's view of a version. */
export interface VersionCatalog {
  get(model: string, version: string): Promise<registry.ModelVersion>;
}

/** Where the file with a digest lies; throws when the digest is not one. */
export type ModelPath = (digest: string) => string;

/** Reads an artifact by its digest, which is checked. */
export type ReadArtifact = (digest: string) => Promise<Uint8Array>;

/** One encoded record of a stream. */
export interface LogRecord {
  /** What partitions it: the join key of a prediction, the id of a decision. */
  readonly joinKey: string;
  readonly value: Buffer;
}

/** Predictions answered and mirrored, decisions that wait for a reward, and rewards. */
export type LogStream = 'served' | 'shadowed' | 'decided' | 'rewarded';

/** Where the records of a request go: to the journal, or into the transaction that answers the request. */
export interface RecordLog {
  /** Hands the records of one request over, all or none; never waits for the broker. Throws EVL_GATEWAY_REQUEST_INVALID when one is too large for Kafka. */
  append(stream: LogStream, records: readonly LogRecord[]): void;
  /** Resolves when the answer may be given: everything appended before outlives this process, or comes and goes with the answer. Rejects with EVL_GATEWAY_JOURNAL_FAILED. */
  written(): Promise<void>;
  /** Learns of work that appends more when it is done, and never rejects. */
  follows?(work: Promise<void>): void;
}

/** The durable log of predictions: on disk at once, in Kafka as soon as that can be reached. */
export interface InferenceLog extends RecordLog {
  /** Bytes that the broker has not acknowledged. */
  readonly queuedBytes: number;
  /** Resolves when everything appended before is acknowledged. */
  flush(): Promise<void>;
  /** Writes the watermark of the given streams behind everything appended before and resolves when all of it is acknowledged. */
  advance(watermarkMs: number, streams: readonly LogStream[]): Promise<void>;
}

/** Tells the rest of the loop how far a stage has come. */
export type ReportProgress = (stage: 'log' | 'routes', watermarkMs: number) => Promise<void>;

/** A load or unload; no parameters are supported. */
export type ModelCommand = Pick<inference.RepositoryModelLoadRequest, 'modelName' | 'parameters'>;

/** Who waits for an answer. */
export interface Caller {
  /** Nobody waits any more: work that has not begun is not begun. */
  readonly isOver: boolean;
  /** Where the records of its request go; absent: to the journal. */
  readonly log?: RecordLog;
}

/** The calls of the Open Inference Protocol, version 2, with Triton's extensions; gRPC and REST share them. */
export interface InferenceService {
  serverLive(): inference.ServerLiveResponse;
  serverReady(): inference.ServerReadyResponse;
  modelReady(request: inference.ModelReadyRequest): inference.ModelReadyResponse;
  serverMetadata(): inference.ServerMetadataResponse;
  modelMetadata(request: inference.ModelMetadataRequest): inference.ModelMetadataResponse;
  modelInfer(request: inference.ModelInferRequest, caller?: Caller): Promise<inference.ModelInferResponse>;
  /** The same as the bytes of a `ModelInferResponse`. */
  modelInferEncoded(request: inference.ModelInferRequest, caller?: Caller): Promise<Buffer>;
  modelConfig(request: inference.ModelConfigRequest): inference.ModelConfigResponse;
  /** Since the start of this process. Without a name: of all models; without a version: of all that are loaded or were used. */
  modelStatistics(request: inference.ModelStatisticsRequest): inference.ModelStatisticsResponse;
  repositoryIndex(request: Pick<inference.RepositoryIndexRequest, 'ready'>): inference.RepositoryIndexResponse;
  /** Loads again what the wanted route names and is not loaded; resolves when all of it is in force. */
  repositoryModelLoad(request: ModelCommand): Promise<void>;
  /** Always refused: a route decides what is loaded. */
  repositoryModelUnload(request: ModelCommand): Promise<void>;
}

/** The calls of `everloop.serving.v1`; gRPC and HTTP share them. */
export interface ServingService {
  predict(request: servingApi.PredictRequest, caller?: Caller): Promise<servingApi.PredictResponse>;
  /** Predict, with what the inputs contributed to the score. */
  explain(request: servingApi.PredictRequest, caller?: Caller): Promise<servingApi.PredictResponse>;
  predictBatch(request: servingApi.PredictBatchRequest, caller?: Caller): Promise<servingApi.PredictBatchResponse>;
  /** All or none; resolves when they outlive this process. */
  reward(rewards: readonly servingApi.RewardRequest[]): Promise<servingApi.RewardResponse>;
}
