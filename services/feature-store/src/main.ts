import { join } from 'node:path';

import { createGrpcServer } from '@everloop/grpc';
import { createKafkaBus } from '@everloop/kafka';
import { onlineKeys, readingBy } from '@everloop/features';
import { schemaRegistries } from '@everloop/records';
import { createHttpPart, createLogger, createMetrics, runService } from '@everloop/service';
import { createObjectStore, createRedis, openDuckDb } from '@everloop/storage';

import { grpcFeast } from './adapters/grpc-feast.ts';
import { addFeastRoutes } from './adapters/http-feast.ts';
import { grpcDatasetService } from './adapters/grpc-dataset-service.ts';
import { grpcFeatureService } from './adapters/grpc-feature-service.ts';
import { HistoryCompaction } from './adapters/history-compaction.ts';
import { HistoryTables } from './adapters/history-tables.ts';
import { HistoryUpkeep } from './adapters/history-upkeep.ts';
import { createParquetDatasets } from './adapters/datasets/parquet-datasets.ts';
import { createSqliteCatalog } from './adapters/datasets/sqlite-catalog.ts';
import { createVaultStore } from './adapters/datasets/vault-store.ts';
import { createParityPositions } from './adapters/parity-positions.ts';
import { createParquetHistory } from './adapters/parquet-history.ts';
import { createRedisOnlineRows } from './adapters/redis-online-rows.ts';
import { lookAtApplied } from './app/applied-look.ts';
import { AppliedPlaces } from './app/applied-places.ts';
import { createDatasetCalls } from './app/dataset-calls.ts';
import { datasetPins } from './app/dataset-pins.ts';
import { createFeastCalls } from './app/feast-calls.ts';
import { createFeatureCalls } from './app/feature-calls.ts';
import { createHistoricalCalls } from './app/historical-calls.ts';
import { LiveTopology } from './app/live-topology.ts';
import { createOnlineCalls } from './app/online-calls.ts';
import { ParityCheck } from './app/parity-check.ts';
import { createPushCalls } from './app/push-calls.ts';
import { createStreamCoverage } from './app/stream-coverage.ts';
import { readConfig } from './config.ts';
import { createParityTelemetry } from './parity-telemetry.ts';
import { createTelemetry } from './telemetry.ts';

const name = 'feature-store';
const config = readConfig(process.env);
const logger = createLogger({ service: name, level: config.logLevel });
const metrics = createMetrics(name);
const telemetry = createTelemetry(logger, metrics);
const bus = createKafkaBus({ brokers: config.kafkaBrokers, clientId: `everloop-${name}`, logger, metrics });
const redis = createRedis({ url: config.redisUrl, logger, name: 'redis' });
const duck = await openDuckDb({
  memoryLimitMib: config.duckMemoryMib,
  threads: config.duckThreads,
  tempDir: join(config.dataDir, 'spill'),
});
const tables = new HistoryTables({ dataDir: config.dataDir, duck, bufferedRowsMax: config.bufferedRowsMax, telemetry });
const history = createParquetHistory({ duck, tables });
const vault = createVaultStore(config.vaultStore, config.vaultPublicKey);
const datasets = createParquetDatasets({ duck, tables, objects: createObjectStore(config.objectStore), vault });
const catalog = createSqliteCatalog(join(config.dataDir, 'datasets.sqlite'), join(config.objectStore, 'catalog'));
const snapshots = createDatasetCalls({ datasets, vault, telemetry, now: () => Date.now(), catalog });
const applied = new AppliedPlaces();
const rows = createRedisOnlineRows(redis, config.rowLifeMs);
const live = new LiveTopology({
  bus,
  rows,
  history,
  telemetry,
  registryOf: schemaRegistries(process.env),
  cachedRowsMax: config.cachedRowsMax,
  redisWatchMs: config.redisWatchMs,
  onApplied: (places) => applied.applied(places),
});
const publisher = bus.publisher({ name: `${name}.push` });
const push = createPushCalls({
  topology: () => live.topology,
  publisher,
  applied,
  registryOf: schemaRegistries(process.env),
  materialise: (asked) => live.materialise(asked),
  now: Date.now,
  telemetry,
});
// Merging takes a while: it must not hold up queries.
const upkeepDuck = await openDuckDb({ memoryLimitMib: 256, threads: 1, tempDir: join(config.dataDir, 'spill-upkeep') });
const compaction = new HistoryCompaction({
  dataDir: config.dataDir,
  duck: upkeepDuck,
  tables,
  limits: { smallRows: config.bufferedRowsMax, targetRows: config.fileRowsMax, fan: 8 },
  graceMs: config.fileGraceMs,
  now: Date.now,
  telemetry,
});
const upkeep = new HistoryUpkeep({
  compaction,
  tables,
  topology: () => live.topology,
  pins: (topic) => datasetPins(catalog, datasets, topic),
  everyMs: config.upkeepMs,
  telemetry,
});
const parity = new ParityCheck({
  bus,
  topology: () => live.topology,
  changedAtMs: (resource) => live.changedAtMs(resource),
  history,
  positions: createParityPositions(config.dataDir),
  lookAtApplied: () => lookAtApplied(rows, live.topology, Date.now),
  now: Date.now,
  telemetry: createParityTelemetry(logger, metrics),
  share: config.parityShare,
  everyMs: config.parityEveryMs,
  batchMax: config.parityBatchMax,
  queueMax: config.parityQueueMax,
  waitMaxMs: config.parityWaitMs,
});
const mget = readingBy(onlineKeys(redis.buckets), (keys) => redis.mgetBuffer(keys));
const calls = createFeatureCalls({
  topology: () => live.topology,
  mget,
  history,
  datasets,
  snapshots,
  telemetry,
});
const historical = createHistoricalCalls({ topology: () => live.topology, history, telemetry });
const online = createOnlineCalls({
  topology: () => live.topology,
  mget,
  watermarkMs: () => live.watermarkMs,
  nowMs: () => (config.clock === 'event' ? (live.watermarkMs ?? 0) : Date.now()),
  telemetry,
});
const feast = createFeastCalls({
  topology: () => live.topology,
  online,
  push,
  waitMs: config.feastWaitMs,
  covered: createStreamCoverage({ bus, rows, topology: () => live.topology, waitMs: config.feastWaitMs }),
  failed: (error) => logger.error({ err: error }, 'a materialisation that was asked for failed'),
});
const feastHttp = createHttpPart({
  name: 'feast',
  host: config.feastHost,
  port: config.feastPort,
  portVariable: 'EVL_FEAST_PORT',
  logger,
  routes: (app) =>
    addFeastRoutes(app, {
      calls: feast,
      isHealthy: () => live.health().ok && (redis.health?.() ?? { ok: true }).ok,
      telemetry,
    }),
});
const grpc = createGrpcServer({
  name: 'grpc',
  host: config.grpcHost,
  port: config.grpcPort,
  services: [grpcFeatureService(calls, historical, online, push), grpcDatasetService(snapshots), ...grpcFeast(feast)],
  logger,
  deadlineMaxMs: 600_000,
});

await runService({
  name,
  parts: [redis, bus, publisher, live, upkeep, ...(config.parityShare > 0 ? [parity] : []), grpc, feastHttp],
  http: { host: config.httpHost, port: config.httpPort },
  logger,
});
