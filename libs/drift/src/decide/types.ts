import type { drift, training } from '@everloop/contracts';
import type { AlarmState } from './alarm.ts';

/** What a decision goes by: the distribution of inputs and scores; the labels; the scores alone, while labels are missing. */
export type EvidenceKind = 'data' | 'performance' | 'estimated';

/** What a decision is about. */
export type Evaluation =
  | { readonly kind: 'window'; readonly report: drift.DriftReport }
  | { readonly kind: 'quality'; readonly report: drift.QualityReport };

/** How a request ended: with a version that passed its gates, one that did not, or none. */
export type RequestEnd = 'open' | 'approved' | 'rejected' | 'none';

/** A retraining that this Monitor has asked for. */
export interface OwnRequest {
  readonly id: string;
  /** Event time, epoch milliseconds UTC. */
  readonly atMs: number;
  readonly end: RequestEnd;
}

/** What is known of the surroundings when a decision is taken. */
export interface Facts {
  /** Open holds of the Sources that a training would read, in words. */
  readonly holds: readonly string[];
  /** The rollout that is in progress, in words; null: none. */
  readonly rollout: string | null;
  /** Retrainings of the model that wait or run, in words. */
  readonly training: readonly string[];
  /** Labelled rows since the training of the champion. */
  readonly labelledRows: number;
  /** Ends of the requests of this Monitor that have ended, by id. */
  readonly ends: ReadonlyMap<string, RequestEnd>;
}

/** Nothing stands in the way. */
export const noFacts: Facts = { holds: [], rollout: null, training: [], labelledRows: 0, ends: new Map() };

/** A retraining that is wanted and waits for its preconditions. */
export interface DeferredRequest {
  readonly reportId: string;
  readonly kind: EvidenceKind;
  /** Key of its alarm: with that it is over. */
  readonly alarm: string;
  readonly correlationId: string;
  /** What was found, in words. */
  readonly finding: string;
  readonly sinceMs: number;
  readonly harm: number;
  readonly drifted: number;
  readonly windows: number;
  readonly policy: drift.DriftPolicy;
}

/** Everything that is remembered of one Monitor between decisions. JSON as it is: kept in the changelog, so that no decision is taken twice. */
export interface MonitorState {
  /** A Monitor that is applied to another model begins anew. */
  readonly model: string;
  /** Newest event time of a decision, epoch milliseconds UTC; decisions do not go back in time. */
  readonly atMs: number;
  /** By kind of evidence, and slice: `data`, `performance`, `performance/<slice>`. */
  readonly alarms: Readonly<Record<string, AlarmState>>;
  /** Oldest first. */
  readonly requests: readonly OwnRequest[];
  readonly deferred: DeferredRequest | null;
  /** Since when more of the alarm budget is spent than was allowed. */
  readonly overspentSinceMs: number | null;
  /** Expected loss by the newest quality report, [0, 1). */
  readonly loss: number;
}

export function newMonitorState(model: string): MonitorState {
  return { model, atMs: 0, alarms: {}, requests: [], deferred: null, overspentSinceMs: null, loss: 0 };
}

/** What a decision leads to. */
export interface Decided {
  readonly state: MonitorState;
  readonly decision: drift.Decision;
  readonly alerts: readonly drift.DriftAlert[];
  readonly request: training.RetrainingRequested | null;
}
