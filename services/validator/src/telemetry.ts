import type { Logger, Metrics } from '@everloop/service';

/** Facts of the validator; each makes one log line, its metrics, or both. */
export interface Telemetry {
  /** A batch was judged. `byRule` counts reasons. */
  judged(source: string, valid: number, quarantined: number, byRule: ReadonlyMap<string, number>): void;
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
  const sources = metrics.gauge('everloop_validator_sources', 'Sources that are validated here');
  return {
    judged(source, valid, quarantined, byRule) {
      if (valid > 0) records.inc({ source, verdict: 'valid' }, valid);
      if (quarantined > 0) records.inc({ source, verdict: 'quarantine' }, quarantined);
      for (const [rule, count] of byRule) reasons.inc({ source, rule }, count);
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
