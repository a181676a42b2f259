import { ProtoWriter, serving, type ModelInput } from '@everloop/contracts';
import type { FeatureRow } from './vector.ts';

/** A value of a row; null and NaN are missing. */
type Value = string | number | null;

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
  readonly gateFindings: readonly string[];
  /** Parallel to the names that `encodeNames` was given. */
  readonly requestValues: readonly Value[];
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
  readonly score: number;
  readonly latencyUs: number;
  /** What an explored choice adds; null for others. */
  readonly drawn: Partial<serving.Inference> | null;
}

const empty = serving.Inference.fromPartial({});
/** Keeps its memory from record to record; records are made one after the other, each to its end. */
const writer = new ProtoWriter();

/** The encoded names of a model's inputs and of the request fields beside them: the same in every record of the model. */
export function encodeNames(inputs: readonly Pick<ModelInput, 'name'>[], requestNames: readonly string[]): Uint8Array {
  const inputNames = inputs.map((input) => input.name);
  return serving.Inference.encode({ ...empty, inputNames, requestNames: [...requestNames] }).finish();
}

/** The encoded part that the served record of a row and its shadows share. */
export function encodeShared(names: Uint8Array, shared: SharedFields, row: FeatureRow): Uint8Array {
  writer.raw(names);
  text(field.requestId, shared.requestId);
  text(field.model, shared.model);
  text(field.championVersion, shared.championVersion);
  text(field.policyRevision, shared.policyRevision);
  text(field.joinKey, shared.joinKey);
  integer(field.eventTimeMs, shared.eventTimeMs);
  text(field.unit, shared.unit);
  text(field.verdict, shared.verdict);
  texts(field.gateFindings, shared.gateFindings);
  values(field.requestValues, shared.requestValues);
  flag(field.featuresUnreachable, shared.featuresUnreachable);
  values(field.inputValues, row.values);
  texts(field.degradedViews, row.degradedViews);
  return writer.finish();
}

/**
 * One encoded `serving.v1.Inference`. A protobuf message is the concatenation of encoded parts of it (protobuf encoding guide, "Last One
 * Wins"), so what a row's records share is encoded once. Written field by field: by way of a message object it takes five times as long.
 */
export function encodeInference(shared: Uint8Array, own: OwnFields): Buffer {
  writer.raw(shared);
  text(field.decisionId, own.decisionId);
  text(field.modelVersion, own.modelVersion);
  text(field.modelDigest, own.modelDigest);
  text(field.arm, own.arm);
  double(field.propensity, own.propensity);
  flag(field.learn, own.learn);
  text(field.intendedArm, own.intendedArm);
  text(field.intendedVersion, own.intendedVersion);
  double(field.score, own.score);
  integer(field.latencyUs, own.latencyUs);
  if (own.drawn !== null) serving.Inference.encode({ ...empty, ...own.drawn }, writer);
  const bytes = writer.finish();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const [varint, fixed64, delimited] = [0, 1, 2];
const tag = (number: number, wireType: number): number => (number << 3) | wireType;

/** Tags of the fields of `serving.v1.Inference`, as inference.proto numbers them; the test reads each back. */
const field = {
  decisionId: tag(1, delimited),
  requestId: tag(2, delimited),
  model: tag(3, delimited),
  modelVersion: tag(4, delimited),
  championVersion: tag(5, delimited),
  arm: tag(6, delimited),
  propensity: tag(7, fixed64),
  policyRevision: tag(8, delimited),
  joinKey: tag(9, delimited),
  eventTimeMs: tag(10, varint),
  inputValues: tag(12, delimited),
  score: tag(13, fixed64),
  degradedViews: tag(14, delimited),
  latencyUs: tag(15, varint),
  modelDigest: tag(16, delimited),
  verdict: tag(17, delimited),
  gateFindings: tag(18, delimited),
  featuresUnreachable: tag(19, varint),
  learn: tag(20, varint),
  intendedArm: tag(21, delimited),
  intendedVersion: tag(22, delimited),
  requestValues: tag(24, delimited),
  unit: tag(30, delimited),
} as const;

/** Tags of the fields of `serving.v1.FeatureValue`. */
const kind = { number: tag(1, fixed64), text: tag(2, delimited), missing: tag(3, varint) } as const;
const numberBytes = 9;
const missingBytes = 2;

function text(at: number, value: string): void {
  if (value !== '') writer.uint32(at).string(value);
}

function texts(at: number, all: readonly string[]): void {
  for (const each of all) writer.uint32(at).string(each);
}

function integer(at: number, value: number): void {
  if (value !== 0) writer.uint32(at).int64(value);
}

function double(at: number, value: number): void {
  if (value !== 0) writer.uint32(at).double(value);
}

function flag(at: number, value: boolean): void {
  if (value) writer.uint32(at).bool(true);
}

function values(at: number, all: readonly Value[]): void {
  for (const value of all) {
    writer.uint32(at);
    if (typeof value === 'string') writer.fork().uint32(kind.text).string(value).join();
    else if (value === null || Number.isNaN(value)) writer.uint32(missingBytes).uint32(kind.missing).bool(true);
    else writer.uint32(numberBytes).uint32(kind.number).double(value);
  }
}
