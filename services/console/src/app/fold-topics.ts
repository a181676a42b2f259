import { drift, outcomes, progress, quality, registry, rollout, topics, training } from '@everloop/contracts';
import type { BusRecord } from '@everloop/kafka';
import {
  emptyLoop,
  withAlert,
  withDecision,
  withDriftReport,
  withHold,
  withJob,
  withoutPlan,
  withPlan,
  withProgress,
  withQuality,
  withRoute,
  withStats,
  withStep,
  withVersion,
  withWindowReport,
  type LoopState,
} from '../domain/loop-state.ts';

const folds: Readonly<Record<string, (state: LoopState, json: unknown, key: string) => LoopState>> = {
  [topics.progress]: (state, json) => withProgress(state, progress.Progress.fromJSON(json)),
  [topics.route]: (state, json) => withRoute(state, rollout.Route.fromJSON(json)),
  [topics.rolloutStep]: (state, json) => withStep(state, rollout.RolloutStep.fromJSON(json)),
  [topics.trainingJob]: (state, json) => withJob(state, training.JobEvent.fromJSON(json)),
  [topics.modelVersion]: (state, json) => withVersion(state, registry.VersionChanged.fromJSON(json)),
  [topics.driftReport]: (state, json) => withDriftReport(state, drift.DriftReport.fromJSON(json)),
  [topics.driftQuality]: (state, json) => withQuality(state, drift.QualityReport.fromJSON(json)),
  [topics.driftDecision]: (state, json) => withDecision(state, drift.Decision.fromJSON(json)),
  // A plan that is forgotten is a record without a value.
  [topics.driftPlan]: (state, json, key) =>
    json === null ? withoutPlan(state, key) : withPlan(state, drift.AlarmPlan.fromJSON(json)),
  [topics.driftAlert]: (state, json) => withAlert(state, drift.DriftAlert.fromJSON(json)),
  [topics.qualityReport]: (state, json) => withWindowReport(state, quality.WindowReport.fromJSON(json)),
  // How far a Source is judged is in the same topic.
  [topics.qualityHold]: (state, json, key) =>
    key.startsWith('judged/') ? state : withHold(state, quality.Hold.fromJSON(json)),
  [topics.outcomeStats]: (state, json) => withStats(state, outcomes.OutcomeStats.fromJSON(json)),
};

/** The control topics that the page is made of. */
export const foldedTopics: readonly string[] = Object.keys(folds);

/** Holds the newest state and tells listeners when it changed. */
export interface LiveState {
  readonly current: LoopState;
  /** Grows with every record that was taken. */
  readonly revision: number;
  take(record: BusRecord): void;
}

/** `onBad` is told of a record that is not what its topic promises; the page goes on without it. */
export function createLiveState(onBad: (record: BusRecord, error: unknown) => void): LiveState {
  let current = emptyLoop;
  let revision = 0;
  return {
    get current() {
      return current;
    },
    get revision() {
      return revision;
    },
    take: (record) => {
      const fold = folds[record.topic];
      const isEmpty = record.value === null || record.value.length === 0;
      if (fold === undefined || (isEmpty && record.topic !== topics.driftPlan)) return;
      try {
        const json: unknown = isEmpty ? null : JSON.parse(String(record.value));
        current = fold(current, json, record.key?.toString('utf8') ?? '');
        revision += 1;
      } catch (error) {
        onBad(record, error);
      }
    },
  };
}
