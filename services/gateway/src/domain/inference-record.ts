import { serving, type ModelInput } from '@everloop/contracts';
import { logged, type FeatureRow } from './vector.ts';

/** What all predictions of one row, served and shadowed, have in common. */
export interface SharedFields {
  readonly requestId: string;
  readonly model: string;
  readonly championVersion: string;
  readonly policyRevision: string;
  readonly joinKey: string;
  readonly eventTimeMs: number;
  readonly unit: string;
  readonly verdict: string;
  readonly gateFindings: string[];
  /** Parallel to the names that `encodeNames` was given. */
  readonly requestValues: serving.FeatureValue[];
  readonly featuresUnreachable: boolean;
}

/** What one version's prediction of a row adds. */
export interface OwnFields {
  readonly decisionId: string;
  readonly modelVersion: string;
  readonly modelDigest: string;
  readonly arm: string;
  readonly propensity: number;
  readonly learn: boolean;
  /** Empty where nothing failed. */
  readonly intendedArm: string;
  readonly intendedVersion: string;
  readonly arms: string[];
  readonly pmf: number[];
  readonly seed: string;
  readonly epsilon: number;
  readonly explore: boolean;
  readonly score: number;
  readonly latencyUs: number;
}

const empty = serving.Inference.fromPartial({});

function encode(fields: Partial<serving.Inference>): Uint8Array {
  return serving.Inference.encode({ ...empty, ...fields }).finish();
}

/** The encoded names of a model's inputs and of the request fields beside them: the same in every record of the model. */
export function encodeNames(inputs: readonly Pick<ModelInput, 'name'>[], requestNames: readonly string[]): Uint8Array {
  return encode({ inputNames: inputs.map((input) => input.name), requestNames: [...requestNames] });
}

/** The encoded part that the served record of a row and its shadows share. */
export function encodeShared(names: Uint8Array, shared: SharedFields, row: FeatureRow): Uint8Array {
  const values = encode({ ...shared, inputValues: row.values.map(logged), degradedViews: [...row.degradedViews] });
  return Buffer.concat([names, values]);
}

/**
 * One encoded `serving.v1.Inference`. A protobuf message is the concatenation of encoded parts of it (protobuf encoding guide, "Last One
 * Wins"), so what a row's records share is encoded once; inputs are nine tenths of a record.
 */
export function encodeInference(shared: Uint8Array, own: OwnFields): Buffer {
  return Buffer.concat([shared, encode(own)]);
}
