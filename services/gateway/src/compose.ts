import { join } from 'node:path';
import { createGrpcServer, type GrpcServer } from '@everloop/grpc';
import { topics } from '@everloop/contracts';
import type { Bus } from '@everloop/kafka';
import { createModelHost, type Provider } from '@everloop/onnx';
import { pause, type Config, type Logger, type Metrics, type Part } from '@everloop/service';
import { createObjectStore, createRedis } from '@everloop/storage';
import { implementInference } from './adapters/grpc-inference.ts';
import { implementServing } from './adapters/grpc-serving.ts';
import { createGrpcVersionCatalog } from './adapters/grpc-version-catalog.ts';
import { Journal } from './adapters/journal/journal.ts';
import { createJournalLog, type JournalLog } from './adapters/journal/journal-log.ts';
import { createKafkaProgress } from './adapters/kafka-progress.ts';
import { createRequestTasks } from './adapters/kafka-requests.ts';
import { createOnlineReader } from './adapters/online-features.ts';
import { createOnnxRunner, type RunEvents } from './adapters/onnx-runner.ts';
import {
  createWorkerLink,
  type Channel,
  type WorkerLink,
  type WorkerLinkOptions,
} from './adapters/pool/worker-link.ts';
import { Background } from './app/background.ts';
import { createGateway } from './app/gateway.ts';
import { ConcurrencyLimit } from './domain/concurrency-limit.ts';
import { Statistics } from './app/statistics.ts';
import { versionOfKey } from './app/versions.ts';
import type { configSchema } from './config.ts';
import type { InferenceService, LogStream, ServingService } from './ports.ts';
import { createTelemetry } from './telemetry.ts';

export interface Surroundings {
  readonly config: Config<typeof configSchema>;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** To the supervisor, for a worker of a pool. */
  readonly channel?: Channel;
}

export interface ComposedGateway {
  readonly service: InferenceService;
  readonly serving: ServingService;
  readonly grpc: GrpcServer;
  /** Null: no worker of a pool. */
  readonly link: WorkerLink | null;
  /** In the order in which they start; the bus is first. */
  readonly parts: readonly Part[];
}

/** Partitions of the topics of requests and answers: as many gateways can share them. */
const requestPartitions = 8;

/** 4 calls keep a core and the model process busy; 32 are let through before anything is known. */
const limitOptions = { min: 4, max: 4_096, initial: 32, windowMs: 100 };

/** Builds every adapter and puts the gateway on them. */
export function composeGateway({ config, bus, logger, metrics, channel }: Surroundings): ComposedGateway {
  const name = 'gateway';
  const nowMs = (): number => Date.now();
  const publisher = bus.publisher({ name });
  const journal = new Journal({
    folder: join(config.dataDir, config.worker < 0 ? '' : `worker-${config.worker}`, 'journal'),
    segmentBytes: config.journalSegmentBytes,
    syncEveryMs: config.journalSyncMs,
    onDamaged: (segment, byte) => telemetry.journalDamaged(segment, byte),
  });
  const marked: Marked = { streams: ['served', 'shadowed'] };
  const log = createJournalLog({
    journal,
    feeds: bus.feeds({ groupId: 'everloop.gateway.journal', stateTopic: topics.gatewayJournal, isAlone: true }),
    publisher,
    nowMs,
    lingerMs: config.logLingerMs,
    bytesMax: config.logBytesMax,
    onRecovered: (bytes) => telemetry.journalRecovered(bytes),
    onPositionLost: (position) => telemetry.journalPositionLost(position),
    // A worker only says how far it has come: the watermark that all have reached is written by one of them.
    ...(channel === undefined
      ? {}
      : {
          passOn: async (watermarkMs: number, streams: readonly LogStream[]) => {
            marked.streams = streams;
            link?.reached('log', watermarkMs);
          },
        }),
  });
  const telemetry = createTelemetry(logger, metrics, () => log.queuedBytes);
  const limit = config.adaptiveLimit ? new ConcurrencyLimit(limitOptions) : null;
  if (limit !== null) telemetry.watchLimit(() => limit.limit);
  const records = (): number => telemetry.answeredCount;
  const report = createKafkaProgress({ publisher, records, nowMs });
  const link = channel === undefined ? null : createPoolLink({ channel, logger, log, report, records, marked });
  const redis = createRedis({ url: config.redisUrl, logger, name: 'redis', timeoutMs: config.featureTimeoutMs });
  const store = createObjectStore(config.objectStore);
  const host = createModelHost({ logger, name: 'models', providers: config.providers.filter(isProvider) });
  const versions = createGrpcVersionCatalog(config.registryAddress);
  const statistics = new Statistics(nowMs);
  const gateway = createGateway({
    ...config,
    clock: config.clock === 'event' ? 'event' : 'wall',
    bus,
    statistics,
    ...(limit === null ? {} : { limit }),
    onServed: (model) => grpc.setServing(model, true),
    runner: createOnnxRunner(host, {
      watch: (key) => runEvents(statistics, key),
      rowsMax: config.batchRowsMax,
      queueMax: config.inFlightRowsMax + config.shadowRowsMax,
      timeoutMs: config.runTimeoutMs,
    }),
    versions,
    path: (digest) => store.path(digest),
    readArtifact: (digest) => store.get(digest),
    createReader: (spec, resources) => createOnlineReader(redis, spec, resources),
    log,
    report: async (stage, watermarkMs) => {
      if (link === null) await report(stage, watermarkMs);
      else if (stage === 'routes') link.reached(stage, watermarkMs);
    },
    telemetry,
    logger,
    nowMs,
  });
  const grpc: GrpcServer = createGrpcServer({
    name: 'grpc',
    host: config.grpcHost,
    port: config.grpcPort,
    services: [
      implementServing(gateway.serving),
      implementInference(gateway.service, { streamInFlightMax: config.streamInFlightMax }),
    ],
    messageBytesMax: config.messageBytesMax,
    logger,
  });
  const requests = (): readonly Part[] => {
    const { requestsInFlightMax: inFlightMax, requestPatienceMs: patienceMs } = config;
    if (inFlightMax === 0) return [];
    const waits = { inFlightMax, patienceMs, nowMs: () => performance.now(), pause };
    const background = new Background({ service: gateway.serving, ...waits });
    const tasks = createRequestTasks({
      ...{
        bus,
        background,
        transactions: gateway.transactions,
        partitions: requestPartitions,
        recordsMax: inFlightMax,
      },
      nowMs,
      onAnswered: (code) => telemetry.requestAnswered(code),
    });
    return [servesWithout(tasks)];
  };
  const registry: Part = { name: 'registry-client', start: async () => undefined, stop: async () => versions.close() };
  return {
    service: gateway.service,
    serving: gateway.serving,
    grpc,
    link,
    parts: [
      servesWithout(bus),
      servesWithout(publisher),
      inBackground(redis, logger),
      host,
      registry,
      ...log.parts,
      ...gateway.parts,
      ...requests(),
      grpc,
      ...(link === null ? [] : [link.part]),
    ],
  };
}

/** Streams that the newest watermark was for. */
interface Marked {
  streams: readonly LogStream[];
}

interface PoolLinkOptions extends Pick<WorkerLinkOptions, 'channel' | 'logger' | 'records'> {
  readonly log: Pick<JournalLog, 'mark'>;
  readonly marked: Readonly<Marked>;
  readonly report: ReturnType<typeof createKafkaProgress>;
}

/** Writes what the pool has reached, when the supervisor says so. */
function createPoolLink({ log, report, marked, ...options }: PoolLinkOptions): WorkerLink {
  return createWorkerLink({
    ...options,
    write: async (stage, watermarkMs, records) => {
      if (stage === 'log') await log.mark(watermarkMs, marked.streams);
      await report(stage, watermarkMs, records);
    },
  });
}

/** Statistics of what the model process does with the file of a version. */
function runEvents(statistics: Statistics, key: string): RunEvents {
  const { model, version } = versionOfKey(key);
  return {
    executed: (rows, ms) => statistics.executed(model, version, rows, ms),
    ran: (queueMs, ms) => statistics.ran(model, version, queueMs, ms),
    failed: (ms) => statistics.runFailed(model, version, ms),
  };
}

const isProvider = (name: string): name is Provider => name === 'cpu' || name === 'cuda';

/** What is needed to start, not to answer: its health says nothing about whether requests can be sent here. */
function servesWithout(part: Part): Part {
  return { name: part.name, start: () => part.start(), stop: () => part.stop() };
}

/** Features are wanted, not needed: the gateway starts and answers, degraded, while the online store is away. */
function inBackground(redis: Part, logger: Logger): Part {
  return {
    name: 'online-store',
    start: async () => {
      redis
        .start()
        .catch((error: unknown) => logger.debug({ err: error }, 'the online store was not reached before the stop'));
    },
    stop: () => redis.stop(),
  };
}
