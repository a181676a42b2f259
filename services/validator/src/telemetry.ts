import type { BatchSummary } from './domain/batch-summary.ts';
import { ColumnLabels } from './domain/column-labels.ts';
import type { Logger, Metrics } from '@everloop/service';

/** Facts of the validator; each makes one log line, its metrics, or both. */
export interface Telemetry {
  /** A batch was judged. */
  judged(source: string, summary: Readonly<BatchSummary>): void;
  /** Accepted records were forgotten before their time, so a repeat of them may pass for valid. */
  forgotten(source: string, count: number): void;
  sourceStarted(source: string, topic: string, partitions: number): void;
  /** A contract changed: the next batch is judged by it. */
  contractChanged(source: string, revision: number): void;
  /** Topic or partitions changed, or the Source was removed: takes effect with the next start. */
  needsRestart(source: string, what: string): void;
  sourceFailed(source: string, error: unknown): void;
}

export function createTelemetry(logger: Logger, metrics: Metrics): Telemetry {
  const records = metrics.counter('everloop_validator_records_total', 'Records judged', ['source', 'verdict']);
  const reasons = metrics.counter('everloop_validator_reasons_total', 'Reasons for quarantine', ['source', 'rule']);
  const columns = metrics.counter(
    'everloop_validator_unexpected_columns_total',
    'Records with a column that the Source keeps but does not list',
    ['source', 'column'],
  );
  const evicted = metrics.counter(
    'everloop_validator_unique_evicted_total',
    'Records that were forgotten before their time under a unique rule',
    ['source'],
  );
  const labels = new ColumnLabels();
  const sources = metrics.gauge('everloop_validator_sources', 'Sources that are validated here');
  return {
    judged(source, { valid, quarantined, byRule, unexpected }) {
      if (valid > 0) records.inc({ source, verdict: 'valid' }, valid);
      if (quarantined > 0) records.inc({ source, verdict: 'quarantine' }, quarantined);
      for (const [rule, count] of byRule) reasons.inc({ source, rule }, count);
      for (const [column, count] of unexpected) columns.inc({ source, column: labels.of(source, column) }, count);
    },
    forgotten(source, count) {
      evicted.inc({ source }, count);
      logger.warn({ source, count }, 'more values are to be unique than are remembered; the oldest are forgotten');
    },
    sourceStarted(source, topic, partitions) {
      sources.inc();
      logger.info({ source, topic, partitions }, 'validating');
    },
    contractChanged(source, revision) {
      logger.info({ source, revision }, 'the contract changed; records are judged by it from the next batch on');
    },
    needsRestart(source, what) {
      logger.warn({ source }, `${what}; this takes effect when the validator is started again`);
    },
    sourceFailed(source, error) {
      logger.error({ source, err: error }, 'the Source cannot be validated');
    },
  };
}
