import { serving, type ModelInput } from '@everloop/contracts';
import { ProtoWriter, tagOf, wireType } from './proto-writer.ts';
import type { FeatureRow } from './vector.ts';

/** A value of a row; null and NaN are missing. */
type Value = string | number | null;

/** What all predictions of one request, served and shadowed, have in common. */
export interface RequestFields {
  readonly requestId: string;
  readonly model: string;
  readonly championVersion: string;
  readonly policyRevision: string;
  readonly eventTimeMs: number;
  readonly unit: string;
  readonly featuresUnreachable: boolean;
  /** Share of the model's predictions that is logged; 0 where all are. */
  readonly inclusionProbability: number;
}

/** What all predictions of one row of it have in common. */
export interface RowFields {
  readonly joinKey: string;
  /** From 1 in a request of several rows, else 0. */
  readonly requestRow: number;
  readonly verdict: string;
  readonly gateFindings: readonly string[];
  /** Parallel to the names that `encodeNames` was given. */
  readonly requestValues: readonly Value[];
}

/** What one version's predictions add, those of all rows of a request alike. */
export interface OwnFields {
  readonly modelVersion: string;
  readonly modelDigest: string;
  readonly arm: string;
  readonly propensity: number;
  readonly learn: boolean;
  /** Empty where nothing failed. */
  readonly intendedArm: string;
  readonly intendedVersion: string;
  readonly latencyUs: number;
  /** How units were divided, encoded; null where they were not. */
  readonly division: Uint8Array | null;
  /** What an explored choice adds; null for others. */
  readonly drawn: Partial<serving.Inference> | null;
}

/** What a version made of one row. */
export interface RowScore {
  readonly decisionId: string;
  readonly score: number;
  /** What each input contributed, in the order of the inputs; empty or absent: not known. */
  readonly attributions?: ArrayLike<number>;
}

const empty = serving.Inference.fromPartial({});
/** Records are made one after the other, each to its end. */
const writer = new ProtoWriter();

/** The encoded names of a model's inputs, of the request fields beside them and of its views: the same in every record of the model. */
export function encodeNames(
  inputs: readonly Pick<ModelInput, 'name'>[],
  requestNames: readonly string[],
  viewNames: readonly string[],
): Uint8Array {
  const inputNames = inputs.map((input) => input.name);
  const names = { inputNames, requestNames: [...requestNames], viewNames: [...viewNames] };
  return serving.Inference.encode({ ...empty, ...names }).finish();
}

/** The encoded part that the served record of a row and its shadows share. */
export function encodeShared(names: Uint8Array, request: RequestFields, asked: RowFields, row: FeatureRow): Uint8Array {
  writer.raw(names);
  text(field.requestId, request.requestId);
  text(field.model, request.model);
  text(field.championVersion, request.championVersion);
  text(field.policyRevision, request.policyRevision);
  text(field.joinKey, asked.joinKey);
  integer(field.eventTimeMs, request.eventTimeMs);
  integer(field.requestRow, asked.requestRow);
  text(field.unit, request.unit);
  text(field.verdict, asked.verdict);
  texts(field.gateFindings, asked.gateFindings);
  values(field.requestValues, asked.requestValues);
  flag(field.featuresUnreachable, request.featuresUnreachable);
  double(field.inclusionProbability, request.inclusionProbability);
  values(field.inputValues, row.values);
  texts(field.degradedViews, row.degradedViews);
  ages(row.viewAgesMs);
  return writer.finish();
}

/**
 * One encoded `serving.v1.Inference`. A protobuf message is the concatenation of encoded parts of it (protobuf encoding guide, "Last One
 * Wins"), so what a row's records share is encoded once. Written field by field: by way of a message object 20 inputs take 12.6 µs instead of 2.2.
 */
export function encodeInference(shared: Uint8Array, own: OwnFields, of: RowScore): Buffer {
  const { decisionId, score, attributions = [] } = of;
  writer.raw(shared);
  text(field.decisionId, decisionId);
  text(field.modelVersion, own.modelVersion);
  text(field.modelDigest, own.modelDigest);
  text(field.arm, own.arm);
  double(field.propensity, own.propensity);
  flag(field.learn, own.learn);
  text(field.intendedArm, own.intendedArm);
  text(field.intendedVersion, own.intendedVersion);
  double(field.score, score);
  integer(field.latencyUs, own.latencyUs);
  doubles(field.attributions, attributions);
  if (own.division !== null) writer.raw(own.division);
  if (own.drawn !== null) writer.raw(serving.Inference.encode({ ...empty, ...own.drawn }).finish());
  return writer.finish();
}

const { varint, fixed64, delimited } = wireType;

/** Tags of the fields of `serving.v1.Inference`, as inference.proto numbers them; the test reads each back. */
const field = {
  decisionId: tagOf(1, delimited),
  requestId: tagOf(2, delimited),
  model: tagOf(3, delimited),
  modelVersion: tagOf(4, delimited),
  championVersion: tagOf(5, delimited),
  arm: tagOf(6, delimited),
  propensity: tagOf(7, fixed64),
  policyRevision: tagOf(8, delimited),
  joinKey: tagOf(9, delimited),
  eventTimeMs: tagOf(10, varint),
  inputValues: tagOf(12, delimited),
  score: tagOf(13, fixed64),
  degradedViews: tagOf(14, delimited),
  latencyUs: tagOf(15, varint),
  modelDigest: tagOf(16, delimited),
  verdict: tagOf(17, delimited),
  gateFindings: tagOf(18, delimited),
  featuresUnreachable: tagOf(19, varint),
  learn: tagOf(20, varint),
  intendedArm: tagOf(21, delimited),
  intendedVersion: tagOf(22, delimited),
  requestValues: tagOf(24, delimited),
  unit: tagOf(30, delimited),
  viewAgeSeconds: tagOf(33, delimited),
  inclusionProbability: tagOf(34, fixed64),
  attributions: tagOf(36, delimited),
  requestRow: tagOf(37, varint),
} as const;

/** Tags of the fields of `serving.v1.FeatureValue`. */
const kind = { number: tagOf(1, fixed64), text: tagOf(2, delimited), missing: tagOf(3, varint) } as const;
const numberBytes = 9;
const missingBytes = 2;

function text(tag: number, value: string): void {
  if (value !== '') writer.text(tag, value);
}

function texts(tag: number, all: readonly string[]): void {
  for (const each of all) writer.text(tag, each);
}

function integer(tag: number, value: number): void {
  if (value === 0) return;
  writer.varint(tag);
  writer.varint(value);
}

function double(tag: number, value: number): void {
  if (value === 0) return;
  writer.varint(tag);
  writer.double(value);
}

function flag(tag: number, value: boolean): void {
  if (value) integer(tag, 1);
}

const doubleBytes = 8;

function ages(allMs: readonly number[]): void {
  if (allMs.length === 0) return;
  writer.varint(field.viewAgeSeconds);
  writer.varint(allMs.length * doubleBytes);
  for (const ms of allMs) writer.double(ms < 0 ? -1 : ms / 1_000);
}

function doubles(tag: number, all: ArrayLike<number>): void {
  if (all.length === 0) return;
  writer.varint(tag);
  writer.varint(all.length * doubleBytes);
  for (let index = 0; index < all.length; index += 1) writer.double(all[index] ?? 0);
}

function values(tag: number, all: readonly Value[]): void {
  for (let index = 0; index < all.length; index += 1) {
    const value = all[index] ?? null;
    if (typeof value === 'string') {
      writer.message(tag, () => writer.text(kind.text, value));
      continue;
    }
    writer.varint(tag);
    if (value === null || Number.isNaN(value)) {
      writer.varint(missingBytes);
      integer(kind.missing, 1);
    } else {
      writer.varint(numberBytes);
      writer.varint(kind.number);
      writer.double(value);
    }
  }
}
