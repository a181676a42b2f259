import { statusCode, type BatchAnswer } from '@everloop/features';
import type { Logger, Metrics } from '@everloop/service';

/** Typed facts; each makes its log line and its metrics. */
export interface Telemetry {
  readonly logger: Logger;
  positioned(topic: string, partition: number, online: number | null, offline: number): void;
  applied(topic: string, partition: number, records: number, watermarkMs: number | null): void;
  onlineWritten(topic: string, rows: number, tookMs: number, cachedRows: number): void;
  offlineWritten(topic: string, partition: number, rows: number): void;
  /** Another process writes the history of a partition now; rows that were not stored are dropped here. */
  historyTaken(topic: string, partition: number, rows: number): void;
  /** Small files became one. */
  compacted(topic: string, partition: number, files: number, rows: number, tookMs: number): void;
  /** Files left the history because of their Source's retention. `boundMs`: every event in them was before it. */
  expired(topic: string, partition: number, files: number, rows: number, boundMs: number): void;
  /** A file would leave, but a tagged dataset names its records. */
  expiryHeld(topic: string, partition: number, file: string, dataset: string): void;
  /** Records that the topic does not keep any more came from the history instead. */
  backfilled(topic: string, partition: number, records: number, fromOffset: number): void;
  /** Records are neither in the topic nor in the history; what would follow from them is missing. */
  recordsGone(topic: string, partition: number, fromOffset: number, untilOffset: number): void;
  /** Online rows were made anew from the history. */
  materialised(topic: string, partition: number, rows: number, records: number, tookMs: number): void;
  /** Records came by Push. */
  pushed(source: string, published: number, refused: number): void;
  watermark(watermarkMs: number): void;
  /** Events came later than their Source allows, each by so many milliseconds behind the newest; they were applied. */
  late(source: string, behindMs: readonly number[]): void;
  undecodable(topic: string, partition: number, offset: bigint): void;
  /** A record whose key says another partition than it lies in; its entity is not found by that key. */
  misplaced(topic: string, partition: number, key: string): void;
  onlineLost(reason: string): void;
  topologyChanged(topics: readonly string[], waiting: readonly string[]): void;
  datasetCreated(model: string, rows: number, contentHash: string, tookMs: number): void;
  queried(rpc: string, rows: number, tookMs: number): void;
  /** A call of the Feast API over HTTP. */
  asked(endpoint: string, status: number, tookMs: number): void;
  /** What an online batch found, and how old it is. */
  answered(answer: BatchAnswer): void;
  /** The fixed holdout was handed out to the evaluator; the audit record. */
  vaultOpened(dataset: string, purpose: string, rows: number): void;
  vaultDenied(dataset: string, purpose: string, error: unknown): void;
}

const secondsBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

const ageBuckets = [1, 10, 60, 600, 3_600, 6 * 3_600, 86_400, 7 * 86_400, 30 * 86_400];

/** Names of the statuses by their numbers on the wire. */
const statusNames: readonly string[] = Object.entries(statusCode).reduce<string[]>((names, [name, code]) => {
  names[code] = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return names;
}, []);

export function createTelemetry(logger: Logger, metrics: Metrics): Telemetry {
  const records = metrics.counter('everloop_feature_store_records_applied_total', 'Records applied', ['topic']);
  const rows = metrics.counter('everloop_feature_store_online_rows_written_total', 'Online rows written', ['topic']);
  const cached = metrics.gauge('everloop_feature_store_cached_rows', 'Online rows held in memory');
  const offline = metrics.counter('everloop_feature_store_offline_rows_written_total', 'Rows in Parquet files', [
    'topic',
  ]);
  const watermark = metrics.gauge(
    'everloop_feature_store_watermark_seconds',
    'Event time that all held partitions have passed',
  );
  const write = metrics.histogram(
    'everloop_feature_store_redis_write_seconds',
    'Time of one write of rows and position',
    secondsBuckets,
  );
  const query = metrics.histogram('everloop_feature_store_query_seconds', 'Time of a call', secondsBuckets, ['rpc']);
  const bad = metrics.counter('everloop_feature_store_unusable_records_total', 'Records left out, by reason', [
    'reason',
  ]);
  const lost = metrics.counter(
    'everloop_feature_store_online_losses_total',
    'Times that online rows were lost and made again',
  );
  const values = metrics.counter('everloop_feature_store_online_values_total', 'Values of online batches, by status', [
    'status',
  ]);
  const feast = metrics.histogram(
    'everloop_feature_store_feast_request_seconds',
    'Time of a call of the Feast API over HTTP',
    secondsBuckets,
    ['endpoint', 'status'],
  );
  const age = metrics.histogram(
    'everloop_feature_store_feature_age_seconds',
    'Age of the oldest row of a view in an online batch, in event time',
    ageBuckets,
    ['view'],
  );
  const openings = metrics.counter('everloop_feature_store_vault_openings_total', 'Requests to open the vault', [
    'result',
  ]);
  const merged = metrics.counter(
    'everloop_feature_store_files_compacted_total',
    'Small files that became part of a larger one',
    ['topic'],
  );
  const expiredRows = metrics.counter('everloop_feature_store_rows_expired_total', 'Rows that retention removed', [
    'topic',
  ]);
  const backfilledRecords = metrics.counter(
    'everloop_feature_store_records_backfilled_total',
    'Records that came from the history because the topic does not keep them',
    ['topic'],
  );
  const pushes = metrics.counter('everloop_feature_store_pushed_records_total', 'Records that came by Push', [
    'source',
    'outcome',
  ]);
  const taken = metrics.counter(
    'everloop_feature_store_history_taken_total',
    'Times that another process took over a partition of the history while it was still written here',
    ['topic'],
  );
  const lateEvents = metrics.counter(
    'everloop_feature_store_late_events_total',
    'Events later than their Source allows; rows and history were corrected',
    ['source'],
  );
  const lateness = metrics.histogram(
    'everloop_feature_store_late_event_seconds',
    'How far late events are behind the newest event before them in their partition, in event time',
    ageBuckets,
    ['source'],
  );
  const heldFiles = new Set<string>();
  const misplacedTopics = new Set<string>();
  return {
    logger,
    positioned(topic, partition, online, offlineOffset) {
      logger.info({ topic, partition, online, offline: offlineOffset }, 'reading from the smaller of both positions');
    },
    applied(topic, _partition, count) {
      records.inc({ topic }, count);
    },
    onlineWritten(topic, count, tookMs, cachedRows) {
      rows.inc({ topic }, count);
      cached.set(cachedRows);
      write.observe(tookMs / 1_000);
    },
    offlineWritten(topic, partition, count) {
      offline.inc({ topic }, count);
      logger.debug({ topic, partition, rows: count }, 'history written');
    },
    historyTaken(topic, partition, count) {
      taken.inc({ topic });
      logger.warn(
        { topic, partition, rows: count },
        'another process has taken over the history of a partition; what was not stored here is read again',
      );
    },
    compacted(topic, partition, files, count, tookMs) {
      merged.inc({ topic }, files);
      logger.info({ topic, partition, files, rows: count, tookMs: Math.round(tookMs) }, 'small files were merged');
    },
    expired(topic, partition, files, count, boundMs) {
      expiredRows.inc({ topic }, count);
      const before = new Date(boundMs).toISOString();
      logger.info({ topic, partition, files, rows: count, before }, 'files left the history by retention');
    },
    expiryHeld(topic, partition, file, dataset) {
      const key = `${topic}/${partition}/${file}`;
      if (heldFiles.has(key)) return;
      heldFiles.add(key);
      logger.warn(
        { topic, partition, file, dataset },
        'retention keeps a file that a tagged dataset needs; remove the tag to let it go',
      );
    },
    backfilled(topic, partition, count, fromOffset) {
      backfilledRecords.inc({ topic }, count);
      logger.info(
        { topic, partition, records: count, fromOffset },
        'records came from the history: the topic does not keep them',
      );
    },
    recordsGone(topic, partition, fromOffset, untilOffset) {
      bad.inc({ reason: 'gone' }, untilOffset - fromOffset);
      logger.error(
        { topic, partition, fromOffset, untilOffset },
        'records are neither in the topic nor in the history: features lack them; keep topics longer than the feature store may be away',
      );
    },
    materialised(topic, partition, count, read, tookMs) {
      rows.inc({ topic }, count);
      logger.info(
        { topic, partition, rows: count, records: read, tookMs: Math.round(tookMs) },
        'online rows were made anew',
      );
    },
    pushed(source, published, refused) {
      if (published > 0) pushes.inc({ source, outcome: 'published' }, published);
      if (refused > 0) pushes.inc({ source, outcome: 'refused' }, refused);
    },
    watermark: (watermarkMs) => watermark.set(watermarkMs / 1_000),
    late(source, behindMs) {
      lateEvents.inc({ source }, behindMs.length);
      for (const each of behindMs) lateness.observe({ source }, each / 1_000);
    },
    undecodable(topic, partition, offset) {
      bad.inc({ reason: 'undecodable' });
      logger.error(
        { topic, partition, offset: String(offset) },
        'a record of a valid topic is no JSON object; it is left out',
      );
    },
    misplaced(topic, partition, key) {
      bad.inc({ reason: 'misplaced' });
      if (misplacedTopics.has(topic)) return;
      misplacedTopics.add(topic);
      logger.error(
        { topic, partition, key },
        'records are not partitioned by murmur2 of their key as the Java client does; views keyed by it will not find them: set the partitioner of the producer (librdkafka: murmur2_random)',
      );
    },
    onlineLost(reason) {
      lost.inc();
      logger.warn({ reason }, 'online rows are made again from what Redis still has');
    },
    topologyChanged(topics, waiting) {
      logger.info({ topics, waiting }, topics.length === 0 ? 'waiting for resources' : 'reading these topics');
    },
    datasetCreated(model, count, contentHash, tookMs) {
      query.observe({ rpc: 'CreateDataset' }, tookMs / 1_000);
      logger.info({ model, rows: count, contentHash, tookMs: Math.round(tookMs) }, 'dataset created');
    },
    queried: (rpc, _rows, tookMs) => query.observe({ rpc }, tookMs / 1_000),
    asked(endpoint, status, tookMs) {
      feast.observe({ endpoint, status: String(status) }, tookMs / 1_000);
    },
    answered(answer) {
      const counts = new Uint32Array(statusNames.length);
      for (const { statuses } of answer.columns) {
        for (let row = 0; row < statuses.length; row++) {
          const status = statuses[row] ?? 0;
          counts[status] = (counts[status] ?? 0) + 1;
        }
      }
      statusNames.forEach((status, code) => {
        const count = counts[code] ?? 0;
        if (status !== '' && count > 0) values.inc({ status }, count);
      });
      for (const { name, eventMs } of answer.views) {
        let oldestMs = Infinity;
        for (let row = 0; row < eventMs.length; row++) {
          const timeMs = eventMs[row] ?? Number.NaN;
          if (timeMs < oldestMs) oldestMs = timeMs;
        }
        if (oldestMs !== Infinity) age.observe({ view: name }, (answer.asOfMs - oldestMs) / 1_000);
      }
    },
    vaultOpened(dataset, purpose, count) {
      openings.inc({ result: 'opened' });
      logger.info({ audit: true, dataset, purpose, rows: count }, 'the vault was opened for the evaluator');
    },
    vaultDenied(dataset, purpose, error) {
      openings.inc({ result: 'denied' });
      logger.warn({ audit: true, dataset, purpose, err: error }, 'the vault was not opened');
    },
  };
}
