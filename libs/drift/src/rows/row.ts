import type { serving } from '@everloop/contracts';

/** What is counted of a prediction: a serving.v1.Inference, or what `RowDecoder` reads of one. */
export interface Row {
  readonly model: string;
  readonly modelVersion: string;
  /** Champion when the request was routed; empty when there was none. */
  readonly championVersion: string;
  /** Epoch milliseconds UTC. */
  readonly eventTimeMs: number;
  readonly inputNames: readonly string[];
  /** Parallel to `inputNames`. */
  readonly inputValues: readonly serving.FeatureValue[];
  readonly score: number;
  /** What the gate did; empty in records older than this field. */
  readonly verdict: string;
  /** What the routing draw was made for. */
  readonly unit: string;
  readonly requestNames: readonly string[];
  readonly requestValues: readonly serving.FeatureValue[];
  /** See `inclusionWeight`. */
  readonly inclusionProbability: number;
  /** Parallel to `inputNames`, or empty. */
  readonly attributions: readonly number[];
}
