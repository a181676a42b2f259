import { valueText } from '@everloop/features';
import type { Logger, Metrics } from '@everloop/service';

import { ParityRatio, type ParityItem } from './domain/parity-queue.ts';
import type { ParityVerdict } from './domain/parity-verdict.ts';

/** Why a sampled prediction was not compared. */
export type ParitySkip = 'queue' | 'redefined' | 'unknown' | 'failed' | 'incomplete' | 'unreachable';

/** Facts of the comparison of served values with the history. */
export interface ParityTelemetry {
  /** A prediction was computed again. */
  checked(item: ParityItem, verdict: ParityVerdict): void;
  /**
   * Predictions are not compared: the queue was full, a definition changed after they were served, they were served without the online store, it cannot be done, it failed, or
   * the history did not become complete in time.
   */
  skipped(reason: ParitySkip, count: number, detail?: string): void;
  waiting(count: number): void;
  roundFailed(error: unknown): void;
}

/** Predictions that the ratio looks back on. */
const ratioOver = 1_000;

export function createParityTelemetry(logger: Logger, metrics: Metrics): ParityTelemetry {
  const checked = metrics.counter(
    'everloop_feature_store_parity_checked_total',
    'Served predictions whose features were computed again from the history',
    ['model'],
  );
  const compared = metrics.counter(
    'everloop_feature_store_parity_values_total',
    'Served values that were computed again from the history',
    ['model'],
  );
  const different = metrics.counter(
    'everloop_feature_store_parity_different_total',
    'Served values that were other ones when computed again from the history',
    ['model', 'feature'],
  );
  const late = metrics.counter(
    'everloop_feature_store_parity_late_total',
    'Served values that lack a record which was known and still on its way; right for what the online rows held',
    ['model', 'feature'],
  );
  const undecided = metrics.counter(
    'everloop_feature_store_parity_undecided_total',
    'Served values other than in the history, of which it cannot be told whether records were on their way',
    ['model', 'feature'],
  );
  const ratio = metrics.gauge(
    'everloop_feature_store_parity_ratio',
    'Share of the last 1,000 compared predictions whose values were all the same to the bit; it is 1',
    ['model'],
  );
  const skipped = metrics.counter(
    'everloop_feature_store_parity_skipped_total',
    'Sampled predictions that were not compared, by reason',
    ['reason'],
  );
  const queued = metrics.gauge('everloop_feature_store_parity_queued', 'Sampled predictions that wait to be compared');
  const ratios = new Map<string, ParityRatio>();
  const told = new Set<string>();
  return {
    checked({ inference, partition, offset }, verdict) {
      const { values, differences } = verdict;
      const { model, decisionId, joinKey, eventTimeMs } = inference;
      const known = ratios.get(model) ?? new ParityRatio(ratioOver);
      ratios.set(model, known);
      // What is undecided counts neither way.
      if (differences.length > 0 || verdict.undecided.length === 0) known.add(differences.length === 0);
      checked.inc({ model });
      compared.inc({ model }, values);
      ratio.set({ model }, known.value);
      for (const { feature } of verdict.late) late.inc({ model, feature });
      for (const { feature } of verdict.undecided) undecided.inc({ model, feature });
      for (const { feature, served, again } of differences) {
        different.inc({ model, feature });
        const fields = { decisionId, model, feature, served: valueText(served), again: valueText(again) };
        const eventTime = new Date(eventTimeMs).toISOString();
        logger.error(
          { ...fields, joinKey, eventTime, partition, offset: String(offset) },
          'a served value is another one when computed from the history; see docs/runbooks/parity.md',
        );
      }
    },
    skipped(reason, count, detail) {
      if (count === 0) return;
      skipped.inc({ reason }, count);
      if (detail === undefined || told.has(detail)) return;
      told.add(detail);
      logger.warn({ reason, detail }, 'served predictions are not compared with the history');
    },
    waiting: (count) => queued.set(count),
    roundFailed(error) {
      logger.error({ err: error }, 'served values could not be compared with the history; it is tried again');
    },
  };
}
