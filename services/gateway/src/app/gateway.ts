import { decisionPartitions, topics, type rollout } from '@everloop/contracts';
import type { Bus } from '@everloop/kafka';
import { deferred, retry, type Logger, type Part } from '@everloop/service';
import type {
  FeatureReader,
  InferenceLog,
  InferenceService,
  LogStream,
  ModelPath,
  ReadArtifact,
  ReportProgress,
  ScoreRunner,
  ServingService,
  VersionCatalog,
} from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { Answering } from './answering.ts';
import type { ConcurrencyLimit } from '../domain/concurrency-limit.ts';
import { ModelCatalog, type CatalogOptions, type ServedModel } from './catalog.ts';
import { LogClock, wallClock } from './clock.ts';
import { Enricher } from './enricher.ts';
import { ArmRewardsTable } from './arm-rewards.ts';
import { Decisions } from './decisions.ts';
import { Explainer } from './explainer.ts';
import { LoggedAttributions } from './logged-attributions.ts';
import { createInferenceService } from './inference-service.ts';
import { Predictor } from './predictor.ts';
import { createRewards } from './rewards.ts';
import { RouteTable } from './routes.ts';
import { createServingService } from './serving-service.ts';
import { ShadowQueues } from './shadows.ts';
import type { Statistics } from './statistics.ts';
import { TransactionLogs } from './transaction-logs.ts';
import { VersionPool } from './versions.ts';

export interface GatewayOptions {
  readonly bus: Pick<Bus, 'ensureTopics' | 'follow'>;
  readonly runner: ScoreRunner;
  readonly versions: VersionCatalog;
  readonly path: ModelPath;
  readonly readArtifact: ReadArtifact;
  readonly createReader: (...input: Parameters<CatalogOptions['createReader']>) => FeatureReader;
  readonly log: InferenceLog;
  readonly report: ReportProgress;
  readonly telemetry: Telemetry;
  readonly statistics: Statistics;
  readonly logger: Logger;
  readonly nowMs: () => number;
  readonly clock: 'wall' | 'event';
  readonly inFlightRowsMax: number;
  /** Absent: calls are limited by their rows alone. */
  readonly limit?: ConcurrencyLimit;
  readonly batchRowsMax: number;
  readonly enrichInFlightMax: number;
  readonly shadowRowsMax: number;
  readonly shadowDeadlineMs: number;
  readonly decisionsMax: number;
  readonly explainEvaluationsMax: number;
  readonly explainBatchRows: number;
  readonly explainQueueRowsMax: number;
  readonly logBytesMax: number;
  readonly wallLagMs: number;
  /** A model is served from now on. */
  readonly onServed?: (model: string) => void;
}

/** Pauses between tries to load a version, milliseconds: short, since a replay waits for it; the registry may start after us. */
const loadRetryMs = { first: 200, max: 5_000 };
/** Tries of a shadow: a model process that was killed comes back with its models, so one repetition is enough for a good model. */
const shadowTries = 3;
/** Rewards come in batches, many a second; probabilities follow them this often. */
const armsRecomputeMs = 250;
const wallEveryMs = 1_000;
const predictionStreams: readonly LogStream[] = ['served', 'shadowed'];
const allStreams: readonly LogStream[] = [...predictionStreams, 'decided', 'rewarded'];

/** The gateway without its servers: the calls it answers and the parts that feed it, in the order in which they start. */
export interface Gateway {
  readonly service: InferenceService;
  readonly serving: ServingService;
  /** For requests whose records are written with their answers. */
  readonly transactions: TransactionLogs;
  readonly parts: readonly Part[];
}

export function createGateway(options: GatewayOptions): Gateway {
  const { bus, runner, versions, path, telemetry, logger, log, report } = options;
  const pool = new VersionPool({
    catalog: versions,
    path,
    readArtifact: options.readArtifact,
    runner,
    onUnloadFailed: (key, error) => telemetry.unloadFailed(key, error),
  });
  const inferenceTopics = createInferenceTopics(bus, logger);
  const catalog: ModelCatalog = new ModelCatalog({
    createReader: options.createReader,
    logger,
    onModel: (model) => {
      inferenceTopics.ensure(model);
      routes.onModel(model);
    },
  });
  const shadows = new ShadowQueues({
    rowsMax: options.shadowRowsMax,
    deadlineMs: options.clock === 'event' ? null : options.shadowDeadlineMs,
    tries: shadowTries,
    onDropped: (reason, rows, error) => telemetry.shadowDropped(reason, rows, error),
  });
  telemetry.watchShadows(() => shadows.reports);
  const explored = new Map<string, rollout.Exploration>();
  const routes: RouteTable = new RouteTable({
    ...{ catalog, pool, report, logger },
    retryMs: loadRetryMs,
    onApplied: (route) => {
      explored.delete(route.model);
      if (route.exploration !== undefined) explored.set(route.model, route.exploration);
      shadows.keepOnly(route.model, new Set(route.shadows.map(({ version }) => version)));
      options.onServed?.(route.model);
    },
  });
  const armRewards = new ArmRewardsTable({ logger, nowMs: () => performance.now(), recomputeMs: armsRecomputeMs });
  telemetry.watchExplorations(() =>
    [...explored].map(([model, exploration]) => {
      const basis = catalog.get(model)?.spec.rewards === undefined ? '' : 'version';
      return armRewards.report(model, exploration, basis);
    }),
  );
  const enricher = new Enricher({
    rowsMax: options.batchRowsMax,
    inFlightMax: options.enrichInFlightMax,
    logger,
    onDegraded: (rows) => telemetry.degraded(rows),
  });
  const explainer = new Explainer({
    evaluationsMax: options.explainEvaluationsMax,
    batchRowsMax: options.explainBatchRows,
    queueRowsMax: options.explainQueueRowsMax,
    onExplained: (...took) => telemetry.explained(...took),
  });
  const predictor: Predictor = new Predictor({
    catalog,
    routes,
    enricher,
    shadows,
    decisions: new Decisions(options.decisionsMax),
    armRewards,
    explainer,
    loggedAttributions: new LoggedAttributions({
      ...{ explainer, mayDrop: options.clock !== 'event' },
      onUnexplained: (...what) => telemetry.unexplained(...what),
    }),
    log,
    events: telemetry,
    inFlightRowsMax: options.inFlightRowsMax,
    limit: options.limit ?? null,
    logBytesMax: options.logBytesMax,
    shadowsCount: options.clock === 'event',
    closedUntilMs: () => clock.writtenMs,
    nowMs: options.nowMs,
  });
  const advance = (watermarkMs: number): Promise<void> =>
    log.advance(watermarkMs, catalog.hasRewards ? allStreams : predictionStreams);
  const transactions = new TransactionLogs();
  const clock = new LogClock({
    advance,
    drained: async () => {
      await predictor.drained();
      await transactions.settled();
    },
    ready: inferenceTopics.ready,
    report,
    logger,
  });
  let isRunning = false;
  const isReady = (): boolean => isRunning;
  const { statistics } = options;
  const answering = new Answering({
    ...{ predictor, catalog, statistics, isReady },
    onFailed: (model, error) => telemetry.failed(model, error),
  });
  const drain: Part = {
    name: 'predictions',
    start: async () => {
      isRunning = true;
    },
    stop: async () => {
      isRunning = false;
      await predictor.drained();
      await log.written();
    },
  };
  return {
    transactions,
    service: createInferenceService({ answering, catalog, routes, statistics, isReady }),
    serving: createServingService(
      answering,
      createRewards({
        ...{ catalog, log, isReady, nowMs: options.nowMs, logBytesMax: options.logBytesMax },
        onRewards: (count, isAccepted) => telemetry.rewarded(count, isAccepted),
      }),
    ),
    parts: [
      controlTopics(bus),
      resources(bus, catalog),
      rewards(bus, armRewards),
      routing(bus, routes),
      drain,
      time(options, clock),
    ],
  };
}

function controlTopics(bus: GatewayOptions['bus']): Part {
  return {
    name: 'control-topics',
    start: () =>
      bus.ensureTopics([
        { name: topics.resources, partitions: 1, compacted: true },
        { name: topics.route, partitions: 1, compacted: true },
        { name: topics.armStats, partitions: 1, compacted: true },
        { name: topics.clock, partitions: 1 },
        { name: topics.progress, partitions: 1 },
        { name: topics.gatewayJournal, partitions: 1, compacted: true },
        { name: topics.decisionMade, partitions: decisionPartitions },
        { name: topics.rewardReceived, partitions: decisionPartitions },
      ]),
    stop: async () => undefined,
  };
}

function resources(bus: GatewayOptions['bus'], catalog: ModelCatalog): Part {
  const follower = bus.follow({
    topics: [topics.resources],
    from: 'beginning',
    onRecord: (record) => catalog.onRecord(record.value),
  });
  return {
    ...bound(follower),
    name: 'resources',
    start: async () => {
      await follower.start();
      catalog.caughtUp();
    },
  };
}

function rewards(bus: GatewayOptions['bus'], table: ArmRewardsTable): Part {
  const follower = bus.follow({
    topics: [topics.armStats],
    from: 'beginning',
    onRecord: (record) => table.onRecord(record.value),
  });
  return { ...bound(follower), name: 'arm-rewards' };
}

function routing(bus: GatewayOptions['bus'], routes: RouteTable): Part {
  const follower = bus.follow({
    topics: [topics.route],
    from: 'beginning',
    onRecord: (record) => routes.onRecord(record.value),
    onWatermark: (_topic, watermarkMs) => routes.onMarker(watermarkMs),
  });
  return {
    ...bound(follower),
    name: 'routes',
    start: async () => {
      await follower.start();
      await routes.firstTry();
    },
    stop: async () => {
      routes.stop();
      await follower.stop();
    },
  };
}

function time({ bus, clock: kind, nowMs, wallLagMs }: GatewayOptions, clock: LogClock): Part {
  const onTime = (watermarkMs: number): void => clock.onTime(watermarkMs);
  const source: Part =
    kind === 'wall'
      ? wallClock({ onTime, everyMs: wallEveryMs, behindMs: wallLagMs, nowMs })
      : bus.follow({
          topics: [topics.clock],
          from: 'beginning',
          onRecord: () => undefined,
          onWatermark: (_topic, watermarkMs) => onTime(watermarkMs),
        });
  return {
    ...bound(source),
    name: 'clock',
    stop: async () => {
      await source.stop();
      clock.stop();
    },
  };
}

/** The parts of a part as plain members, so that some can be replaced. Without its health: what was followed so far serves while Kafka is away. */
function bound(part: Part): Part {
  return {
    name: part.name,
    start: () => part.start(),
    stop: () => part.stop(),
    ...(part.failed === undefined ? {} : { failed: part.failed }),
  };
}

/** Creates the topics of the log once a model says how many partitions they must have: as many as its label source. */
function createInferenceTopics(bus: GatewayOptions['bus'], logger: Logger) {
  const made = deferred();
  let partitions: number | null = null;
  return {
    ready: made.promise,
    ensure(model: ServedModel): void {
      if (partitions !== null) {
        if (partitions !== model.partitions) {
          logger.error(
            { model: model.name, partitions: model.partitions, existing: partitions },
            'the label source of this model has another number of partitions than the first model, so its labels cannot be joined: give both sources the same number',
          );
        }
        return;
      }
      partitions = model.partitions;
      const specs = [topics.inferenceServed, topics.inferenceShadowed].map((name) => ({
        name,
        partitions: model.partitions,
      }));
      retry(() => bus.ensureTopics(specs), {
        initialMs: 200,
        maxMs: 5_000,
        when: () => true,
        onRetry: (error) =>
          logger.error({ err: error }, 'the topics of the predictions could not be created; trying again'),
      }).then(made.resolve, made.reject);
    },
  };
}
